//! This process and others: on one processor, and what it holds of the system.

use std::env;
use std::fs;
use std::process::{Command, Stdio};

/// Set in a process that is on one processor, or would be if the system could.
const PINNED: &str = "FAKE_BUILDKITE_BENCH_PINNED";

/// Whether this is the process on one processor.
pub(crate) fn is_pinned() -> bool {
    env::var_os(PINNED).is_some()
}

/// Runs this benchmark once more on one processor, where the system has `taskset`, and waits for its end.
pub(crate) fn run_pinned() {
    let me = env::current_exe().expect("a path");
    let last = last_processor();
    let mut command = match &last {
        Some(processor) => {
            let mut command = Command::new("taskset");
            command.args(["-c", processor]).arg(me);
            command
        }
        None => Command::new(me),
    };
    println!(
        "(client and server on {})",
        if last.is_some() {
            "one processor"
        } else {
            "any processor: no taskset here"
        }
    );
    let status = command
        .args(env::args_os().skip(1))
        .env(PINNED, "1")
        .status();
    assert!(status.expect("it starts").success());
}

/// One that this process may use, if `taskset` is here.
fn last_processor() -> Option<String> {
    let has_taskset = Command::new("taskset")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !has_taskset.is_ok_and(|status| status.success()) {
        return None;
    }
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    line.trim().rsplit([',', '-']).next().map(str::to_owned)
}

/// What a process holds of the system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) resident_kib: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
}

/// What this process holds, where the system tells (Linux).
pub(crate) fn held() -> Option<Held> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    Some(Held {
        resident_kib: field("VmRSS:")?,
        threads: field("Threads:")?,
        descriptors: fs::read_dir("/proc/self/fd").ok()?.count() as u64,
    })
}

/// Parts of a benchmark that need a process of their own: it runs itself again, and reads what that prints.
pub(crate) mod alone {
    use std::env;
    use std::fmt::Display;
    use std::process::Command;

    const PART: &str = "FAKE_BUILDKITE_BENCH_PART";

    /// Which part this process is for, if it is not the first one.
    pub(crate) fn asked() -> Option<String> {
        env::var(PART).ok()
    }

    /// Says something to the first process.
    pub(crate) fn answer(key: &str, value: impl Display) {
        println!("{key}\t{value}");
    }

    /// Has a part done, and returns what it said.
    pub(crate) fn ask(part: &str) -> Vec<(String, f64)> {
        let me = env::current_exe().expect("a path");
        let output = Command::new(me)
            .env(PART, part)
            .output()
            .expect("it starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{part}: {errors}");
        let text = String::from_utf8(output.stdout).expect("text");
        let answer = |line: &str| {
            let (key, value) = line.split_once('\t')?;
            Some((key.to_owned(), value.parse().ok()?))
        };
        text.lines().filter_map(answer).collect()
    }
}
