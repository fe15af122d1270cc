//! The manual page, made of what `--help` says: there is no second list of commands and flags.

use std::fmt::Write;

use super::help::HELP;

/// What `--help` has no room for.
const REST: &str = r#".SH ENVIRONMENT
.TP
.B WATTBOARD_CONFIG
The coordinator's config, where no \fB\-\-config\fR is given.
.TP
.B WATTBOARD_STATE_DIR\fR, \fBSTATE_DIRECTORY
The folder of Wattboard's own files, where no \fB\-\-state\-dir\fR is given. systemd sets the second one.
.TP
.B NOTIFY_SOCKET\fR, \fBWATCHDOG_USEC\fR, \fBWATCHDOG_PID
Set by the service manager: it is told when the server is ready, that all its threads are alive, and when it stops.
.SH FILES
.TP
.I /etc/wattboard/wattboard.env
The environment of the unit wattboard.service: which config is served.
.TP
.I /etc/systemd/system/wattboard.service.d/user.conf
As whom the unit runs: the owner of the site.
.TP
.I /var/lib/wattboard
The unit's state directory: price memory, closed days and price cache.
.SH EXIT STATUS
.TP
.B 0
It did what it was asked to, or a signal ended the server.
.TP
.B 1
Something failed; of \fBcheck\fR and \fBhealthcheck\fR: something is not well.
.TP
.B 2
Wrong use, a bad config, or a port in use.
.TP
.B 130
A signal ended it before it was done.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1)
"#;

/// The page as roff.
pub fn page() -> String {
    let mut lines = HELP.lines();
    let title = lines.next().unwrap_or_default();
    let (name, about) = title.split_once(": ").unwrap_or((title, ""));
    let mut page = format!(
        ".TH {} 1 \"\" \"{}\" \"User commands\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
        name.to_uppercase(),
        name,
        name.to_lowercase(),
        escape(about)
    );
    for line in lines {
        // Writing into a text does not fail.
        let _ = match line.strip_prefix("usage: ") {
            Some(usage) => writeln!(page, ".B {}", escape(usage)),
            None => add(&mut page, line),
        };
    }
    page + REST
}

/// Adds a line of the help: a heading, an entry with or without its text, or more of the text.
fn add(page: &mut String, line: &str) -> std::fmt::Result {
    let text = line.trim_start();
    match line.len() - text.len() {
        _ if text.is_empty() => Ok(()),
        0 => writeln!(page, ".SH {}", escape(text.trim_end_matches(':')).to_uppercase()),
        2 => match text.split_once("  ") {
            Some((entry, text)) => writeln!(page, ".TP\n.B {}\n{}", escape(entry), escape(text.trim_start())),
            None => writeln!(page, ".TP\n.B {}", escape(text)),
        },
        _ => writeln!(page, "{}", escape(text)),
    }
}

/// Hyphens that are typed, and no line that is a request.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_that_is_installed_is_this_one() {
        let installed = include_str!("../../packaging/wattboard.1");
        assert!(installed == page(), "bring it up to date: cargo run -- man > packaging/wattboard.1");
    }

    #[test]
    fn everything_that_the_help_says_is_there_once() {
        let page = page();
        assert!(page.starts_with(".TH WATTBOARD 1 \"\" \"Wattboard\" "));
        assert!(page.contains("\n.SH COMMANDS\n") && page.contains("\n.TP\n.B \\-\\-state\\-dir DIR\nwhere Wattboard"));
        let plain = page.replace("\\-", "-").replace("\\&", "");
        for line in HELP.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.ends_with(':')) {
            for part in line.trim_start_matches("usage: ").split("  ").map(str::trim).filter(|part| !part.is_empty()) {
                assert!(plain.contains(part), "{part}");
            }
        }
        assert!(!page.lines().any(|line| line.starts_with('\'')));
    }

    #[test]
    fn every_flag_that_is_understood_is_in_the_help() {
        let parser = include_str!("parse.rs");
        let named: Vec<&str> =
            parser.split("Long(\"").skip(1).filter_map(|rest| rest.split_once('"').map(|(name, _)| name)).collect();
        assert!(named.len() > 15);
        for flag in named {
            assert!(HELP.contains(&format!("--{flag}")), "--{flag} is not in the help");
        }
        let commands = parser.split("Some(\"").skip(1).filter_map(|rest| rest.split_once('"'));
        for (command, _) in commands.filter(|(name, _)| *name != "man") {
            assert!(HELP.contains(command), "{command} is not in the help");
        }
    }
}
