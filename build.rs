//! Stamps the build with the git commit, for the manifest of every run.

use std::process::Command;

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The compiler in words, such as `rustc 1.95.0 (59807616e 2026-04-14)`.
fn compiler() -> Option<String> {
    let rustc = std::env::var_os("RUSTC")?;
    let output = Command::new(rustc).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn main() {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=Cargo.toml");
    // A path that does not exist (a tarball, a worktree) would count as changed for ever.
    if std::path::Path::new(".git/logs/HEAD").exists() {
        println!("cargo:rerun-if-changed=.git/logs/HEAD");
    }
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".into());
    let dirty = git(&["status", "--porcelain"]).is_none_or(|status| !status.is_empty());
    println!("cargo:rustc-env=FISC_GIT_COMMIT={commit}");
    println!("cargo:rustc-env=FISC_GIT_DIRTY={dirty}");
    let compiler = compiler().unwrap_or_else(|| "rustc".into());
    println!("cargo:rustc-env=FISC_RUSTC={compiler}");
}
