//! The `fisc` program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    match fisc::cli::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
