//! Every command that the documentation shows is one that the command line takes.

use crate::Arguments;
use clap::Parser as _;
use clap::error::ErrorKind;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_commands_of_the_documentation_are_commands() {
    let mut read = 0;
    for file in pages() {
        let page = fs::read_to_string(&file).unwrap();
        for line in shown(&page) {
            for command in commands(&line) {
                if let Err(error) = Arguments::try_parse_from(&command)
                    && !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
                {
                    panic!("{}: {line}\n{command:?}\n{error}", file.display());
                }
                read += 1;
            }
        }
    }
    assert!(read >= 30, "only {read} were found");
}

#[test]
fn a_line_of_a_shell_is_split_into_its_commands() {
    let cases: [(&str, &[&[&str]]); 5] = [
        ("portolan ls 'a b' \"c $D\"  # all", &[&["portolan", "ls", "a b", "c $D"]]),
        ("A=1 portolan sum x > y", &[&["portolan", "sum", "x"]]),
        (
            "B=$(portolan token request u --expires 6h) gfal-ls v",
            &[&["portolan", "token", "request", "u", "--expires", "6h"]],
        ),
        ("cd x && portolan check; portolan reload | tail", &[&["portolan", "check"], &["portolan", "reload"]]),
        ("curl https://portolan.example/portolan", &[]),
    ];
    for (line, expected) in cases {
        assert_eq!(commands(line), expected, "{line}");
    }
}

/// `README.md`, and what is told under `docs` in words.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let inside = |folder: &str| fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    inside("docs/guides").chain(inside("docs/concepts")).chain([root.join("README.md")]).collect()
}

/// The lines that are typed: those after a prompt, and all of blocks of shell; lines that go on are joined.
fn shown(page: &str) -> Vec<String> {
    let blocks = |fence: &str| -> Vec<String> {
        let rest = page.split(fence).skip(1);
        rest.filter_map(|rest| rest.split("```").next()).map(|block| block.replace("\\\n", " ")).collect()
    };
    let typed = blocks("```console\n");
    let typed = typed.iter().flat_map(|block| block.lines()).filter_map(|line| line.strip_prefix("$ "));
    let scripts = blocks("```sh\n");
    typed.chain(scripts.iter().flat_map(|block| block.lines())).map(str::to_owned).collect()
}

/// The calls of `portolan` in a line, those in `$(…)` too; variables are left as they stand.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut end = |words: &mut Vec<String>| {
        let start = words.iter().position(|word| !is_assignment(word)).unwrap_or(words.len());
        let command = words.split_off(start);
        if command.first().is_some_and(|first| first == "portolan") {
            found.push(command);
        }
        words.clear();
    };
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { break };
        match first {
            '#' | '>' | '<' => break,
            '|' | '&' | ';' | ')' => {
                end(&mut words);
                rest = &rest[1..];
            }
            _ => {
                let (word, inner, length) = word(rest);
                if let Some(inner) = inner {
                    let mut before = std::mem::take(&mut words);
                    words = inner;
                    end(&mut words);
                    words.append(&mut before);
                }
                words.push(word);
                rest = &rest[length..];
            }
        }
    }
    end(&mut words);
    found
}

/// The first word, without its quotes; the words of a `$(…)` in it; and how many bytes all of that has.
fn word(text: &str) -> (String, Option<Vec<String>>, usize) {
    let (mut word, mut inner, mut quote, mut at) = (String::new(), None, None, 0);
    while let Some(next) = text[at..].chars().next() {
        if text[at..].starts_with("$(") && quote != Some('\'') {
            let close = text[at..].find(')').map_or(text.len(), |length| at + length + 1);
            inner = Some(text[at + 2..close].trim_end_matches(')').split_whitespace().map(str::to_owned).collect());
            word.push_str(&text[at..close]);
            at = close;
            continue;
        }
        at += next.len_utf8();
        match quote {
            Some(open) if next == open => quote = None,
            None if next == '\'' || next == '"' => quote = Some(next),
            None if next.is_whitespace() || "|&;)".contains(next) => return (word, inner, at - next.len_utf8()),
            _ => word.push(next),
        }
    }
    (word, inner, at)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}
