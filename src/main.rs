//! The program: hands the command line to the library and its answer to the shell.

fn main() -> std::process::ExitCode {
    wattboard::base::memory::keep_little();
    wattboard::cli::run(std::env::args_os().skip(1))
}
