//! Writes the seeds of every target to the folder named, `fuzz/seeds` by habit; what else is there stays.
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root =
        env::args_os().nth(1).map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds"), PathBuf::from);
    let mut octets = 0;
    for target in lastmetre_fuzz::TARGETS {
        let folder = root.join(target.name);
        fs::create_dir_all(&folder)?;
        for (name, seed) in (target.seeds)() {
            octets += seed.len();
            fs::write(folder.join(name), seed)?;
        }
    }
    println!("{octets} octets of seeds in {}", root.display());
    Ok(())
}
