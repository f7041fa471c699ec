//! `SHA256SUMS`: which files a package holds, in the form that `sha256sum -c` checks.

use crate::error::{Error, Result};
use crate::run::folder::sha256;
use crate::run::tables::write_whole;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// The list of checksums.
pub const FILE: &str = "SHA256SUMS";

/// What is not in the list: the README, which authors complete by hand; the list itself; and the
/// folder in which a replicator may put model files.
const LEFT_OUT: [&str; 3] = [super::README, FILE, super::MODELS];

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, relative to the folder, with `/` on every system.
    pub file: String,
    /// What is wrong: `missing`, `changed`, `extra`, or more words.
    pub what: String,
}

impl Fault {
    pub(super) fn new(file: impl Into<String>, what: impl Into<String>) -> Fault {
        Fault {
            file: file.into(),
            what: what.into(),
        }
    }
}

/// All files below `root`, relative to it and sorted, except those that are not in the list.
///
/// # Errors
/// A folder that cannot be read; something that is neither a file nor a folder.
pub fn files(root: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    walk(root, "", &mut found)?;
    Ok(found)
}

fn walk(folder: &Path, before: &str, found: &mut BTreeSet<String>) -> Result<()> {
    let broken = |error| Error::io(folder, error);
    for entry in std::fs::read_dir(folder).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let kind = entry.file_type().map_err(broken)?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.insert(name);
        }
    }
    Ok(())
}

/// Writes the list of the files below `root`.
///
/// # Errors
/// A file cannot be read, or the list not be written.
pub fn write(root: &Path) -> Result<()> {
    let mut list = String::new();
    for name in files(root)? {
        let path = root.join(&name);
        let sum = sha256(&path).map_err(|error| Error::io(&path, error))?;
        list.push_str(&format!("{sum}  {name}\n"));
    }
    write_whole(&root.join(FILE), list.as_bytes())
}

/// Compares the files below `root` with the list: how many are as it says, and what is wrong.
///
/// # Errors
/// A file or folder that is there cannot be read.
pub fn check(root: &Path) -> Result<(usize, Vec<Fault>)> {
    let path = root.join(FILE);
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok((0, vec![Fault::new(FILE, "missing")]));
        }
        Err(error) => return Err(Error::io(&path, error)),
    };
    let mut faults = Vec::new();
    let mut listed = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        match entry(line) {
            Some((sum, name)) => {
                listed.insert(name.to_owned(), sum.to_owned());
            }
            None => faults.push(Fault::new(
                FILE,
                format!(
                    "line {} is not a checksum and a file of the package",
                    at + 1
                ),
            )),
        }
    }
    let here = files(root)?;
    let mut good = 0;
    for (name, stated) in &listed {
        let path = root.join(name);
        if !here.contains(name) {
            faults.push(Fault::new(name, "missing"));
        } else if !std::fs::symlink_metadata(&path).is_ok_and(|data| data.is_file()) {
            faults.push(Fault::new(name, "changed: it is not an ordinary file"));
        } else if sha256(&path).map_err(|error| Error::io(&path, error))? != *stated {
            faults.push(Fault::new(name, "changed"));
        } else {
            good += 1;
        }
    }
    for name in here.iter().filter(|name| !listed.contains_key(*name)) {
        faults.push(Fault::new(name, "extra"));
    }
    faults.sort();
    Ok((good, faults))
}

/// Checksum and file of a line.
fn entry(line: &str) -> Option<(&str, &str)> {
    let (sum, name) = line.split_at_checked(64)?;
    let name = name.strip_prefix("  ").or(name.strip_prefix(" *"))?;
    let digits = sum.bytes().all(|b| b.is_ascii_hexdigit());
    (digits && is_inside(name)).then_some((sum, name))
}

/// Whether a relative name stays inside the folder that it is relative to.
pub(super) fn is_inside(name: &str) -> bool {
    let plain = |part: Component| matches!(part, Component::Normal(_));
    !name.is_empty() && Path::new(name).components().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_list_tells_missing_changed_and_extra_files() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("run/figures")).unwrap();
        fs::create_dir(root.join("models")).unwrap();
        for (name, text) in [
            ("a", "abc"),
            ("run/b", ""),
            ("run/figures/c.csv", "1"),
            ("README.md", "mine"),
            ("models/m.gguf", "large"),
        ] {
            fs::write(root.join(name), text).unwrap();
        }
        write(root).unwrap();
        // FIPS 180-4, example for the message "abc"; the empty message.
        let list = fs::read_to_string(root.join(FILE)).unwrap();
        let lines: Vec<&str> = list.lines().collect();
        assert_eq!(
            lines[..2],
            [
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  run/b"
            ]
        );
        assert_eq!(lines.len(), 3);
        assert_eq!(check(root).unwrap(), (3, Vec::new()));

        fs::write(root.join("README.md"), "completed by the authors").unwrap();
        assert_eq!(check(root).unwrap(), (3, Vec::new()));

        fs::write(root.join("a"), "abd").unwrap();
        fs::remove_file(root.join("run/b")).unwrap();
        fs::write(root.join("run/d"), "").unwrap();
        let wrong = vec![
            Fault::new("a", "changed"),
            Fault::new("run/b", "missing"),
            Fault::new("run/d", "extra"),
        ];
        assert_eq!(check(root).unwrap(), (1, wrong));
        fs::remove_file(root.join(FILE)).unwrap();
        assert_eq!(check(root).unwrap().1, [Fault::new(FILE, "missing")]);
    }

    #[test]
    fn a_list_names_nothing_outside_its_folder() {
        let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(entry(&format!("{sum}  a/b")).is_some());
        assert!(entry(&format!("{sum} *a")).is_some());
        for wrong in ["../a", "/a", "a/../../b", ""] {
            assert!(entry(&format!("{sum}  {wrong}")).is_none(), "{wrong}");
        }
        assert!(entry("short  a").is_none());
        assert!(entry(&format!("{}  a", "z".repeat(64))).is_none());
        assert!(entry(&format!("{}ä  a", "a".repeat(63))).is_none());
    }
}
