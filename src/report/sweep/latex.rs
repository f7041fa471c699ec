//! Text and numbers for LaTeX.

/// Text that LaTeX would otherwise read as commands.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            '~' => out += "\\textasciitilde{}",
            '^' => out += "\\textasciicircum{}",
            '\\' => out += "\\textbackslash{}",
            '<' => out += "\\textless{}",
            '>' => out += "\\textgreater{}",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A number or an interval in math mode, with commas between thousands that are no punctuation.
pub fn math(text: &str) -> String {
    format!(
        "${}$",
        text.replace(", ", ";\\;")
            .replace(',', "{,}")
            .replace(";\\;", ",\\;")
    )
}

/// Text in one line, for a comment.
pub fn comment(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_numbers_for_latex() {
        assert_eq!(
            escaped("a_b 5% & #1 $ {x}"),
            "a\\_b 5\\% \\& \\#1 \\$ \\{x\\}"
        );
        assert_eq!(math("[-1,234.5, 2,000]"), "$[-1{,}234.5,\\;2{,}000]$");
    }
}
