//! Small files of the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where `/proc` and `/sys` are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roots {
    /// As `/proc`.
    pub proc: PathBuf,
    /// As `/sys`.
    pub sys: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), sys: "/sys".into() }
    }
}

impl Roots {
    /// These are this host's own: what is asked by calls belongs to them.
    pub(super) fn real(&self) -> bool {
        *self == Self::default()
    }

    /// The text of a file below `/proc`.
    pub(super) fn proc(&self, path: &str) -> Option<String> {
        text(&self.proc.join(path))
    }

    /// The text of a file below `/sys`.
    pub(super) fn sys(&self, path: &str) -> Option<String> {
        text(&self.sys.join(path))
    }

    /// A number below `/sys`.
    pub(super) fn sys_number<T: FromStr>(&self, path: &str) -> Option<T> {
        self.sys(path)?.parse().ok()
    }

    /// A setting of the kernel by its name with dots.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        self.proc(&format!("sys/{}", name.replace('.', "/")))
    }

    /// A setting that is a number.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.setting(name)?.parse().ok()
    }

    /// A setting that is on or off; more than 1 is on as well.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        self.number::<u64>(name).map(|number| number != 0)
    }

    /// A setting of three numbers.
    pub(crate) fn three(&self, name: &str) -> Option<[u64; 3]> {
        let numbers: Vec<u64> = self.setting(name)?.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().ok()
    }
}

/// Names of what is in a folder, in order.
pub(super) fn entries(path: &Path) -> Option<Vec<String>> {
    let mut names: Vec<String> =
        fs::read_dir(path).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Some(names)
}

/// The kernel's files are short; one that is not is none of them.
fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned())
}
