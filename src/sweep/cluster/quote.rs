//! Text that comes from outside, made safe inside scripts.

/// `text` as one word of a POSIX shell: within single quotes, and each single quote within it as `'\''`.
pub fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// A command line as a person would type it.
pub fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(shell).collect();
    words.join(" ")
}

/// `text` as one word of an `#SBATCH` line, which knows double quotes and takes a backslash before a
/// double quote. `text` has no backslash and no control character.
pub fn directive(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}

/// A path as a part of a Slurm file name pattern, where `%` begins a replacement.
pub fn pattern(path: &str) -> String {
    path.replace('%', "%%")
}

/// `text` as a double-quoted scalar of YAML, whose escapes include those of JSON.
pub fn yaml(text: &str) -> String {
    // JSON leaves DEL, C1 controls and the two line separators as they are; YAML does not.
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
