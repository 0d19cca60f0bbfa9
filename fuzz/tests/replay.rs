//! Every target on stable, without libFuzzer: its seeds, the inputs that once broke something, and mutations of them all.
use lastmetre_fuzz::{TARGETS, Target};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;

/// The limit on memory counts the whole process: one target at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn replay(name: &str) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let mut inputs: Vec<_> = (target.seeds)().into_iter().map(|(_, seed)| seed).collect();
    inputs.extend(files(name));
    assert!(!inputs.is_empty());
    inputs.iter().for_each(|input| try_input(target, input));
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for _ in 0..target.mutations {
        let mut input = inputs[dice.below(inputs.len())].clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut input, &inputs, &mut dice);
        }
        try_input(target, &input);
    }
}

/// The input is printed when it breaks something: to be kept in `fuzz/seeds/<target>/` once what it broke is mended.
fn try_input(target: &Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let hex: String = input.iter().map(|octet| format!("{octet:02x}")).collect();
        eprintln!("{} broke on these {} octets:\n{hex}", target.name, input.len());
        std::panic::resume_unwind(panic);
    }
}

fn files(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// What fuzzers do to octets.
fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    match dice.below(8) {
        0 if at < input.len() => input[at] ^= 1 << dice.below(8),
        1 if at < input.len() => input[at] = dice.next() as u8,
        2 if at < input.len() => input[at] = [0, 1, 0x7F, 0x80, 0xFF][dice.below(5)],
        3 => input.truncate(at),
        4 => input.insert(at, dice.next() as u8),
        5 if at < input.len() => _ = input.remove(at),
        6 => {
            let end = (at + dice.below(32)).min(input.len());
            let copy = input[at..end].to_vec();
            let to = dice.below(input.len() + 1);
            input.splice(to..to, copy);
        }
        _ => {
            let other = &others[dice.below(others.len())];
            input.truncate(at);
            input.extend_from_slice(&other[dice.below(other.len() + 1)..]);
        }
    }
}

/// xorshift64: the same mutations in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(#[test] fn $name() { replay(stringify!($name)); })*

        #[test]
        fn no_target_is_left_out() {
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), [$(stringify!($name)),*]);
        }
    };
}

replays! {
    gbcs_message gbcs_json blocks dlms_apdu gbz_content der_tree asn1 certificate texts han_frames capture han_node tunnel handover comms_hub ppmid meter duis_xml mmc
}
