//! Tools of other people, who know nothing of this program. Where one is absent, a test says so and asks less.
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Run a tool to its end; `None`, saying so, where it is absent.
fn output(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: {}: {error}", command.get_program().display());
            None
        }
    }
}

/// Options that give tshark keys: lines as `demo --pcap` writes them beside the capture.
fn with_keys(command: &mut Command, keys: &str) {
    for line in keys.lines() {
        command.args(["-o", &format!("uat:zigbee_pc_keys:{line}")]);
    }
}

/// What tshark shows of a capture: the fields of the packets that pass the filter, a line each, parted by tabs.
pub fn tshark(capture: &Path, keys: &str, filter: &str, fields: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(["-Y", filter, "-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    with_keys(&mut command, keys);
    let output = output(&mut command)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

/// A tshark that watches loopback while a test runs.
pub struct Live {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Live {
    /// The lines shown since the last call.
    pub fn lines(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Capture what passes `capture_filter` on loopback and show the fields of what passes `filter`; `None`, saying so, where there is no
/// tshark or it may not capture. It watches when this returns.
pub fn tshark_live(capture_filter: &str, keys: &str, filter: &str, fields: &[&str]) -> Option<Live> {
    let mut command = Command::new("tshark");
    command.args(["-l", "-i", "lo", "-f", capture_filter, "-Y", filter, "-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    with_keys(&mut command, keys);
    let mut child = match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            println!("skipped: tshark: {error}");
            return None;
        }
    };
    let said = follow(child.stderr.take().expect("a pipe"));
    let live = Live { lines: follow(child.stdout.take().expect("a pipe")), child };
    let mut heard = Vec::new();
    loop {
        match said.recv_timeout(Duration::from_secs(20)) {
            Ok(line) if line.contains("Capture started") => return Some(live),
            Ok(line) => heard.push(line),
            Err(_) => {
                println!("skipped: tshark does not capture here: {heard:?}");
                return None;
            }
        }
    }
}

fn follow(pipe: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tell, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        lines.take_while(|line| tell.send(line.clone()).is_ok()).for_each(drop);
    });
    lines
}

/// Panics when xmlsec1 finds that the signature of a document is not by the key of a certificate.
pub fn xmlsec1(certificate: &Path, document: &Path) {
    let mut command = Command::new("xmlsec1");
    command.args(["--verify", "--pubkey-cert-pem"]).arg(certificate).arg(document);
    if let Some(output) = output(&mut command) {
        assert!(output.status.success(), "{}: {}", document.display(), String::from_utf8_lossy(&output.stderr));
    }
}

/// The published schema of DUIS; `None`, saying so, where it is absent.
pub fn schema() -> Option<PathBuf> {
    reference("duis/duis-offline.xsd")
}

/// A file of the public reference data; `None`, saying so, where it is absent.
pub fn reference(file: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("LASTMETRE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join(file);
    if !path.is_file() {
        println!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// What Debian's own Python says of `input` to a script that needs this module; `None`, saying so, where it is absent.
pub fn python(module: &str, script: &str, arguments: &[&Path], input: &Path) -> Option<String> {
    // Debian's packages are for Debian's interpreter.
    const PYTHON: &str = "/usr/bin/python3";
    if !output(Command::new(PYTHON).args(["-c", &format!("import {module}")]))?.status.success() {
        println!("skipped: no {module} for {PYTHON}");
        return None;
    }
    let mut command = Command::new(PYTHON);
    command.args(["-c", script]).args(arguments).stdin(std::fs::File::open(input).unwrap());
    let output = output(&mut command)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Panics when xmllint finds that documents are not of the schema.
pub fn xmllint(schema: &Path, documents: &[PathBuf]) {
    let mut command = Command::new("xmllint");
    command.args(["--nonet", "--noout", "--schema"]).arg(schema).args(documents);
    if let Some(output) = output(&mut command) {
        let said = String::from_utf8_lossy(&output.stderr);
        let faults: Vec<_> = said.lines().filter(|line| !line.ends_with(" validates")).collect();
        assert!(output.status.success(), "{faults:#?}");
    }
}
