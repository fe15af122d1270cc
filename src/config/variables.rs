//! `${NAME}` in a text of the config stands for the environment's variable of that name, so that a secret need not stand
//! in the file. `$${` is a plain `${`; any other dollar is itself, and what a variable holds is not looked at again.

use std::ffi::OsString;

/// Where variables are looked up.
pub type Variables = fn(&str) -> Option<OsString>;

/// The environment of this process.
pub fn of_process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Whether a text has anything to be put in its place.
pub fn has_reference(text: &str) -> bool {
    text.contains("${")
}

/// The text with every variable in its place.
///
/// # Errors
/// Words that go on after the key: which variable is missing, or what is no name of one. What variables hold is never told.
pub fn expand(text: &str, variables: Variables) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let name = after.find('}').map(|end| &after[..end]).filter(|name| is_name(name));
        let name =
            name.ok_or("after ${ must stand the name of an environment variable and }; a plain ${ is written $${")?;
        let value = variables(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        out.push_str(&value.into_string().map_err(|_| format!("the environment variable {name} is not UTF-8"))?);
        rest = &after[name.len() + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<OsString> {
        use std::os::unix::ffi::OsStringExt;
        match name {
            "A" => Some("one".into()),
            "B_2" => Some("${A}".into()),
            "EMPTY" => Some("".into()),
            "BYTES" => Some(OsString::from_vec(vec![b's', 0xff])),
            _ => None,
        }
    }

    #[test]
    fn references_are_expanded_once_and_only_whole_ones() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("${A}", "one"),
            ("x${A}y${A}", "xoneyone"),
            ("${B_2}", "${A}"),
            ("[${EMPTY}]", "[]"),
            ("$A $ $$ {A} }", "$A $ $$ {A} }"),
            ("$${A}", "${A}"),
            ("$${A}${A}", "${A}one"),
            ("$$${A}", "$${A}"),
            ("ą${A}ę", "ąoneę"),
        ] {
            assert_eq!(expand(text, variables).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_there_is_not_told() {
        for (text, words) in [
            ("${A}${NO_SUCH}", "variable NO_SUCH is not set"),
            ("${BYTES}", "variable BYTES is not UTF-8"),
            ("${", "must stand the name"),
            ("${A", "must stand the name"),
            ("${}", "must stand the name"),
            ("${1}", "must stand the name"),
            ("${A:-x}", "must stand the name"),
            ("${ A }", "must stand the name"),
            ("${ą}", "must stand the name"),
        ] {
            let refused = expand(text, variables).unwrap_err();
            assert!(refused.contains(words) && !refused.contains("one"), "{text}: {refused}");
        }
    }
}
