//! `lastmetre gbcs sign` and `mac` with keys in a PKCS#11 token: SoftHSM2's, where it is at hand.
use crate::common::{Ran, lastmetre};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use std::path::{Path, PathBuf};
use std::process::Command;

const PIN: &str = "1234";
const SUPPLIER: &str = "A1B2C3D4E5F60001";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gbcs/tests/data").join(name)
}

fn message(name: &str) -> String {
    let text = std::fs::read_to_string(data("messages.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.into_iter().find(|line| line["name"] == name).unwrap()["hex"].as_str().unwrap().to_owned()
}

fn module() -> Option<PathBuf> {
    let named = std::env::var_os("LASTMETRE_PKCS11_MODULE").map(PathBuf::from);
    let usual = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"];
    named.or_else(|| usual.iter().map(PathBuf::from).find(|path| path.exists()))
}

/// A token labelled `supplier` of its own, in a folder of its own.
struct Hsm {
    folder: tempfile::TempDir,
    module: PathBuf,
}

impl Hsm {
    fn new() -> Option<Self> {
        let Some(module) = module().filter(|_| Command::new("softhsm2-util").arg("--version").output().is_ok()) else {
            eprintln!("skipped: no SoftHSM2 (softhsm2-util and its library)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        std::fs::write(folder.path().join("conf"), format!("directories.tokendir = {}\n", tokens.display())).unwrap();
        std::fs::write(folder.path().join("pin"), format!("{PIN}\n")).unwrap();
        let hsm = Self { folder, module };
        hsm.util(&["--init-token", "--free", "--label", "supplier", "--pin", PIN, "--so-pin", "5678"]);
        Some(hsm)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn util(&self, arguments: &[&str]) {
        let output = Command::new("softhsm2-util").env("SOFTHSM2_CONF", self.path("conf")).args(arguments).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Put the supplier's key for this usage into the token.
    fn import(&self, usage: &str, id: &str) {
        let keys: serde_json::Value = serde_json::from_slice(&std::fs::read(data("keys.json")).unwrap()).unwrap();
        let is =
            |key: &&serde_json::Value| key["eui64"] == SUPPLIER && key["usage"] == usage && key["prepayment"] != true;
        let key = keys.as_array().unwrap().iter().find(is).unwrap();
        let scalar = hex::decode(key["private_scalar"].as_str().unwrap()).unwrap();
        let key = p256::SecretKey::from_slice(&scalar).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap();
        let file = self.path("key.pem");
        std::fs::write(&file, key.as_bytes()).unwrap();
        let label = format!("{SUPPLIER} {usage}");
        let file = file.to_str().unwrap();
        self.util(&["--import", file, "--token", "supplier", "--label", &label, "--id", id, "--pin", PIN]);
    }

    fn run(&self, command: &str, token: &str, message: &str) -> Ran {
        let file = self.path("message");
        std::fs::write(&file, message).unwrap();
        let output = lastmetre()
            .env("SOFTHSM2_CONF", self.path("conf"))
            .args(["gbcs", command, "--token", token, "--pkcs11"])
            .arg(&self.module)
            .arg("--pin-file")
            .arg(self.path("pin"))
            .arg(file)
            .output()
            .unwrap();
        let text = |octets| String::from_utf8(octets).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

#[test]
fn a_token_signs_what_its_owner_originates() {
    let Some(hsm) = Hsm::new() else { return };
    hsm.import("digital-signature", "01");
    let signed = hsm.run("sign", "supplier", &message("ECS04a Command Pre-Command")).ends(0);
    let keys = data("keys.json");
    let verified = crate::common::run_with(&signed.out, ["gbcs", "verify", "--keys", keys.to_str().unwrap()]).ends(0);
    assert!(verified.out.contains("signature verifies (A1-B2-C3-D4-E5-F6-00-01)"), "{}", verified.out);
}

#[test]
fn what_a_token_has_not_is_told_with_what_it_has() {
    let Some(hsm) = Hsm::new() else { return };
    hsm.import("key-agreement", "02");
    let ran = hsm.run("sign", "supplier", &message("ECS04a Command Pre-Command")).ends(1);
    let words = "no private digital signature key of A1-B2-C3-D4-E5-F6-00-01; token \"supplier\" holds \
                 A1-B2-C3-D4-E5-F6-00-01 key-agreement";
    assert!(ran.err.contains(words), "{}", ran.err);
    let ran = hsm.run("sign", "other", &message("ECS04a Command Pre-Command")).ends(2);
    assert!(ran.err.contains("has no token \"other\"; it has supplier"), "{}", ran.err);
    std::fs::write(hsm.path("pin"), "0000").unwrap();
    let ran = hsm.run("mac", "supplier", &message("ECS82 Command Pre-Command ending in 00")).ends(2);
    assert!(ran.err.contains("token \"supplier\" refuses the PIN"), "{}", ran.err);
}
