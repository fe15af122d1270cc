//! The token that lets people in, and how a request shows it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use crate::base::fault::{Fault, io_fault};
use crate::base::plain_file;

/// Shorter ones could be guessed.
const LEAST: usize = 16;
/// Longer ones, with a name before them and written as base64, would not fit where they are decoded.
const MOST: usize = 512;
/// Bytes of a decoded name and password.
const ROOM: usize = 1024;
/// Bytes of the file that are looked at.
const LOOK: u64 = 4096;

/// A secret: it is compared, never shown.
#[derive(Clone)]
pub struct Token(Box<[u8]>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// What a request shows of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// Another one, or what is none.
    Wrong,
    /// The token.
    Right,
}

impl Token {
    /// Takes the first line of a text, without spaces around it.
    ///
    /// # Errors
    /// What is wrong with it, in words that go on after "the token".
    pub fn parse(text: &str) -> Result<Self, String> {
        let line = text.lines().next().unwrap_or_default().trim();
        if !line.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has spaces or characters beyond ASCII; letters, digits and -_.~+/= are safe".into());
        }
        match line.len() {
            LEAST..=MOST => Ok(Self(line.as_bytes().into())),
            length => Err(format!("in the first line has {length} characters; it must have {LEAST} to {MOST}")),
        }
    }

    /// Reads it from its file. The second is a warning: others may read the file too.
    ///
    /// # Errors
    /// When the file cannot be read or holds no token that will do.
    pub fn read(file: &Path) -> Result<(Self, Option<String>), Fault> {
        let (text, mode) = plain_file::open_linked(file)
            .and_then(read)
            .map_err(|error| io_fault("read the token file", file, &error))?;
        let shown = file.display();
        let token = String::from_utf8(text).map_err(|_| "is no text".to_owned()).and_then(|text| Self::parse(&text));
        let token = token.map_err(|why| Fault::invalid(format!("the token file {shown}: the token {why}")))?;
        let open = (mode & 0o077 != 0)
            .then(|| format!("others may read or change the token file {shown} (mode {mode:03o}): chmod 600 {shown}"));
        Ok((token, open))
    }

    /// Looks for it in an `Authorization` header: `Bearer TOKEN`, or `Basic` with it as the password of any name.
    pub fn look(&self, authorization: Option<&str>) -> Shown {
        let Some((scheme, rest)) = authorization.map(|value| value.split_once(' ').unwrap_or((value, ""))) else {
            return Shown::Nothing;
        };
        if scheme.eq_ignore_ascii_case("bearer") {
            self.compare(rest.trim().as_bytes())
        } else if scheme.eq_ignore_ascii_case("basic") {
            let mut room = [0; ROOM];
            let decoded = STANDARD.decode_slice(rest.trim(), &mut room).ok().map(|length| &room[..length]);
            // A name has no colon; a password may.
            let password = decoded.and_then(|pair| Some(&pair[pair.iter().position(|byte| *byte == b':')? + 1..]));
            password.map_or(Shown::Wrong, |password| self.compare(password))
        } else {
            // Another way to sign in says nothing of the token.
            Shown::Nothing
        }
    }

    /// In a time that tells nothing of what is right about it, but for its length.
    fn compare(&self, shown: &[u8]) -> Shown {
        if bool::from(self.0.ct_eq(shown)) { Shown::Right } else { Shown::Wrong }
    }
}

fn read(file: File) -> std::io::Result<(Vec<u8>, u32)> {
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    let mut bytes = Vec::new();
    file.take(LOOK).read_to_end(&mut bytes)?;
    // Only the first line counts; what follows may be anything.
    bytes.truncate(bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()));
    Ok((bytes, meta.permissions().mode() & 0o777))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const SECRET: &str = "correct-horse-battery";

    fn basic(pair: &str) -> String {
        use base64::encoded_len;
        let mut room = vec![0; encoded_len(pair.len(), true).unwrap()];
        let length = STANDARD.encode_slice(pair, &mut room).unwrap();
        format!("Basic {}", std::str::from_utf8(&room[..length]).unwrap())
    }

    #[test]
    fn the_first_line_is_the_token() {
        for (text, length) in [
            ("0123456789abcdef", Ok(16)),
            ("  0123456789abcdef \r\nsecond line", Ok(16)),
            ("0123456789abcdef\n", Ok(16)),
            ("0123456789abcde", Err("has 15 characters; it must have 16 to 512")),
            ("", Err("has 0 characters")),
            ("\n0123456789abcdef", Err("has 0 characters")),
            ("0123456789 abcdef", Err("spaces")),
            ("0123456789abcde\u{17c}", Err("beyond ASCII")),
            ("\u{feff}0123456789abcdef", Err("beyond ASCII")),
            (&"x".repeat(513), Err("has 513 characters")),
        ] {
            match (Token::parse(text), length) {
                (Ok(token), Ok(length)) => assert_eq!(token.0.len(), length, "{text:?}"),
                (Err(why), Err(part)) => {
                    assert!(why.contains(part), "{text:?}: {why}");
                    assert!(text.len() < 2 || !why.contains(text.trim()), "{text:?} is told: {why}");
                }
                (found, _) => panic!("{text:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn requests_show_it_as_bearers_or_as_a_password() {
        let token = Token::parse(SECRET).unwrap();
        let (right, wrong, nothing) = (Shown::Right, Shown::Wrong, Shown::Nothing);
        for (value, expected) in [
            (format!("Bearer {SECRET}"), right),
            (format!("bearer  {SECRET} "), right),
            (format!("BEARER {SECRET}"), right),
            (basic(&format!("anybody:{SECRET}")), right),
            (basic(&format!(":{SECRET}")), right),
            (basic(&format!("any body:{SECRET}")).replace("Basic", "bAsIc"), right),
            (format!("Bearer {SECRET}x"), wrong),
            (format!("Bearer {}", &SECRET[1..]), wrong),
            (format!("Bearer {}", SECRET.to_uppercase()), wrong),
            ("Bearer ".into(), wrong),
            ("Bearer".into(), wrong),
            (basic(SECRET), wrong),
            (basic(&format!("{SECRET}:")), wrong),
            (basic(&format!("a:b:{SECRET}")), wrong),
            (basic(&format!("{}:{SECRET}", "n".repeat(ROOM))), wrong),
            (format!("Basic {SECRET}"), wrong),
            ("Basic".into(), wrong),
            ("Basic !!!".into(), wrong),
            ("Digest username=\"x\"".into(), nothing),
            (SECRET.into(), nothing),
            (String::new(), nothing),
        ] {
            assert_eq!(token.look(Some(&value)), expected, "{value:?}");
        }
        assert_eq!(token.look(None), nothing);
    }

    #[test]
    fn it_is_never_shown() {
        let token = Token::parse(SECRET).unwrap();
        for text in [format!("{token:?}"), format!("{token:#?}"), format!("{:?}", token.look(Some(SECRET)))] {
            assert!(!text.contains("horse"), "{text}");
        }
    }

    #[test]
    fn files_are_read_and_judged() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("token");
        let missing = Token::read(&file).unwrap_err().to_string();
        assert!(missing.starts_with(&format!("cannot read the token file {}: ", file.display())), "{missing}");
        fs::write(&file, [SECRET.as_bytes(), b"\n\xff\xff"].concat()).unwrap();
        for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o602, true)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let (token, warning) = Token::read(&file).unwrap();
            assert_eq!(token.look(Some(&format!("Bearer {SECRET}"))), Shown::Right);
            assert_eq!(warning.is_some(), warned, "{mode:o}: {warning:?}");
            assert!(!format!("{warning:?}").contains("horse"));
        }
        fs::write(&file, "too-short").unwrap();
        let short = Token::read(&file).unwrap_err().to_string();
        let expected = "the token in the first line has 9 characters; it must have 16 to 512";
        assert_eq!(short, format!("the token file {}: {expected}", file.display()));
        fs::write(&file, b"\xff\xfe0123456789abcdef").unwrap();
        assert!(Token::read(&file).unwrap_err().to_string().ends_with("the token is no text"));
        assert!(Token::read(dir.path()).unwrap_err().to_string().ends_with("it is not a plain file"));
    }
}
