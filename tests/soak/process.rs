//! What this process uses, and what a panic said.

use std::any::Any;
use std::fs;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Resident, in MiB.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
}

impl Usage {
    pub(crate) fn now() -> Self {
        let count = |path: &str| fs::read_dir(path).expect("/proc").count() as u64;
        let status = fs::read_to_string("/proc/self/status").expect("/proc");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|line| line.split_whitespace().next());
        Self {
            memory: kib.expect("VmRSS").parse::<u64>().expect("a number") / 1024,
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }

    /// The higher of each.
    pub(crate) fn most(self, other: &Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
        }
    }
}

pub(crate) fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic")
}
