//! Turns `data/catalogue.tsv` into static tables; its header says what the sections, columns and notations are.
mod objects;
mod text;
mod types;
mod use_cases;
mod zcl;

use std::collections::BTreeMap;
use std::{env, fs, path::Path, process};
use text::Parsed;

const DATA: &str = "data/catalogue.tsv";

fn main() {
    println!("cargo::rerun-if-changed={DATA}");
    println!("cargo::rerun-if-changed=build");
    let text = fs::read_to_string(DATA).unwrap_or_else(|e| fail(0, &e.to_string()));
    let mut sections: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    let mut section = None;
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(name) => section = Some(sections.entry(name).or_default()),
            None => match &mut section {
                Some(lines) => lines.push((i + 1, line)),
                None => fail(i + 1, "before the first section"),
            },
        }
    }
    let mut of = |name: &str| sections.remove(name).unwrap_or_else(|| fail(0, &format!("no section [{name}]")));
    let mut objects = objects::Objects::default();
    write("objects.rs", &each(&of("objects"), |line| objects.add(line)));
    let protection = [
        "{attributes:A[{class:longU,object:obis,attribute:int,data_index:longU,selection:{kind:enum(0=whole,1=range),between:{from:TS,to:TS}}}],protection:PROTECTION}",
        "{protection:PROTECTION,encrypted:oct}",
    ];
    write("protection.rs", &each(&protection.map(|of| (0, of)), |of| types::field(of, &objects)));
    write(
        "use_cases.rs",
        &each(&of("use-cases"), {
            let mut last = None;
            move |line| {
                let (code, entry) = use_cases::use_case(line, &objects)?;
                if last.replace(code) >= Some(code) {
                    return Err("codes must rise".into());
                }
                Ok(entry)
            }
        }),
    );
    write("commands.rs", &each(&of("commands"), zcl::command));
    write("attributes.rs", &each(&of("attributes"), zcl::attribute));
    write("alerts.rs", &each(&of("alerts"), zcl::alert));
    if let Some(name) = sections.keys().next() {
        fail(0, &format!("section [{name}] is none that is known"));
    }
}

/// The elements of a table, from the lines of its section.
fn each(lines: &[(usize, &str)], mut entry: impl FnMut(&str) -> Parsed<String>) -> String {
    let entries = lines.iter().map(|(number, line)| {
        let entry = entry(line).unwrap_or_else(|e| fail(*number, &e));
        format!("    {entry},\n")
    });
    entries.collect()
}

fn write(file: &str, entries: &str) {
    let out = Path::new(&env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join(file);
    fs::write(out, format!("&[\n{entries}]\n")).expect("OUT_DIR can be written");
}

fn fail(line: usize, what: &str) -> ! {
    println!("cargo::error={DATA}:{line}: {what}");
    process::exit(1)
}
