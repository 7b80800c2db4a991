//! What is generated from the list: the commented sample, and the reference page.

use super::list::{Absent, Form, SECTIONS, Setting};
use super::parse::bracketed;
use std::fmt::{Display, Write as _};

/// Widest line of a comment in the sample.
const WIDTH: usize = 100;

/// A settings file in which nothing is set: every setting commented out, with its meaning and what holds without it.
pub fn sample() -> String {
    let mut out = String::from(
        "# Settings of a Portolan port. Everything here is optional: what is commented out shows what holds anyway.\n\
         # `portolan check` validates this file; `portolan serve --config FILE` uses it.\n",
    );
    for section in SECTIONS {
        out.push('\n');
        if !section.name.is_empty() {
            comment(&mut out, section.doc);
            let mark = if section.harmless { "" } else { "#" };
            let _ = writeln!(out, "{mark}{}", bracketed(section));
        } else {
            comment(&mut out, section.doc);
        }
        for setting in section.settings {
            out.push('\n');
            comment(&mut out, &format!("{} {}", setting.doc, remark(setting)));
            let value = match setting.absent {
                Absent::Is(value) | Absent::Means(_, value) | Absent::Required(value) => value,
            };
            let _ = writeln!(out, "#{} = {value}", setting.key);
        }
    }
    out
}

/// The page `docs/reference/settings.md`.
pub fn reference_markdown() -> String {
    let mut out = String::from(
        "# Settings\n\nGenerated from the list in `crates/daemon/src/settings/list/`; do not edit. \
         `portolan init` writes the same as a commented file.\n\n\
         The file is TOML. Sizes, rates and times are texts with units (`\"64 KiB\"`, `\"8 kbit/s\"`, `\"30 s\"`); \
         decimal prefixes are powers of 1,000, `KiB`, `MiB` … of 1,024. An unknown key is an error. \
         The command line (`--data-dir`, `--listen`, `--plain`, `--anonymous-read`) wins over the file.\n",
    );
    for section in SECTIONS {
        let title = if section.name.is_empty() { "At the top".to_owned() } else { format!("`{}`", bracketed(section)) };
        let _ = write!(
            out,
            "\n## {title}\n\n{}\n\n| setting | form | when absent | meaning |\n|---|---|---|---|\n",
            section.doc
        );
        for setting in section.settings {
            let absent = match setting.absent {
                Absent::Is(value) => format!("`{value}`"),
                Absent::Means(words, example) => format!("{words} (example: `{example}`)"),
                Absent::Required(example) => format!("required (example: `{example}`)"),
            };
            let _ = writeln!(out, "| `{}` | {} | {absent} | {} |", setting.key, form(setting), setting.doc);
        }
    }
    out
}

fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// Range and what holds when absent, where the sample's own line does not say it.
fn remark(setting: &Setting) -> String {
    let absent = match setting.absent {
        Absent::Is(_) => String::new(),
        Absent::Means(words, _) => format!(" When absent: {words}."),
        Absent::Required(_) => " Required.".to_owned(),
    };
    let range = match setting.form {
        Form::Count(..) | Form::Size(..) | Form::Speed(..) | Form::Time(..) => format!("({})", form(setting)),
        _ => String::new(),
    };
    format!("{range}{absent}").trim().to_owned()
}

fn form(setting: &Setting) -> String {
    fn range(what: &str, least: impl Display, most: impl Display) -> String {
        format!("{what}, {least} to {most}")
    }
    match &setting.form {
        Form::Text(_) => "text".to_owned(),
        Form::Texts(_) => "list of texts".to_owned(),
        Form::Path(_) => "path".to_owned(),
        Form::Paths(_) => "list of paths".to_owned(),
        Form::Instant(_) => "instant or day".to_owned(),
        Form::Address(_) => "IP address and port".to_owned(),
        Form::Boolean(_) => "true or false".to_owned(),
        Form::Prefix(_) => "logical path".to_owned(),
        Form::Count(least, most, _) => range("number", least, most),
        Form::Size(least, most, _) => range("size", least, most),
        Form::Speed(least, most, _) => range("rate", least, most),
        Form::Time(least, most, _) => range("time", least, most),
        Form::Choice(words, _) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
        Form::Algorithms(_) => "list of digest algorithms".to_owned(),
        Form::Word(what, ..) => (*what).to_owned(),
        Form::Words(what, ..) => format!("list: {what}"),
    }
}

/// For tests: the sample with every setting uncommented.
#[cfg(test)]
pub(super) fn sample_uncommented() -> String {
    let keys: Vec<String> =
        SECTIONS.iter().flat_map(|section| section.settings).map(|setting| format!("#{} = ", setting.key)).collect();
    let live = |line: &str| keys.iter().any(|key| line.starts_with(key.as_str())) || line.starts_with("#[");
    sample().lines().map(|line| format!("{}\n", if live(line) { &line[1..] } else { line })).collect()
}
