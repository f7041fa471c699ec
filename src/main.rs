//! The `fisc` program: arguments in, exit code out.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match fisc::cli::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A reader who has gone away (`2>&1 | head`) changes nothing about the exit code.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
