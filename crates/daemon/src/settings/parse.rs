//! From text to [`Settings`]: a walk over the spanned TOML tree along the list, which goes on after each finding.

use super::findings::{Finding, Findings, nearest, position};
use super::list::{Absent, Form, SECTIONS, Section, Setting};
use super::{Engine, Settings, judge, list};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use terms::{Algorithm, LogicalPath, Timestamp};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Reads the whole text; all findings at once.
pub(super) fn parse(text: &str, file: &Path) -> Result<Settings, Findings> {
    match parse_lenient(text, file) {
        (settings, None) => Ok(settings),
        (_, Some(findings)) => Err(findings),
    }
}

/// The same, with what could be read in spite of the findings.
pub(super) fn parse_lenient(text: &str, file: &Path) -> (Settings, Option<Findings>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let base = file.parent().unwrap_or(Path::new(""));
    let mut reader =
        Reader { settings: list::built_in(), base, found: Vec::new(), seen: BTreeMap::new(), broken: BTreeSet::new() };
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        reader.report(&span, format!("this is not TOML: {}", error.message()), "see https://toml.io".to_owned());
    }
    // Half-read text gives misleading findings about what is missing, so that only its own errors are told.
    if reader.found.is_empty() {
        reader.section(SECTIONS[0], "", document.get_ref());
        reader.check();
    }
    reader.finish(text, file)
}

/// Sets one value from TOML text of its own; false when its form refuses it.
pub(super) fn apply_text(settings: &mut Settings, setting: &Setting, text: &str) -> bool {
    DeValue::parse(text).is_ok_and(|value| apply(settings, setting, value.get_ref(), Path::new("")).is_ok())
}

struct Reader<'a> {
    settings: Settings,
    base: &'a Path,
    found: Vec<(usize, String, String)>,
    /// Where each setting was written, by `section.key` (`namespace.0.key`).
    seen: BTreeMap<String, Range<usize>>,
    /// The tables of which something was told, by the same names.
    broken: BTreeSet<String>,
}

impl Reader<'_> {
    fn report(&mut self, span: &Range<usize>, what: String, instead: String) {
        self.found.push((span.start, what, instead));
    }

    /// One table; `place` is how `seen` names it.
    fn section(&mut self, section: &'static Section, place: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name: &str = key.get_ref();
            let inner = if section.name.is_empty() { name.to_owned() } else { format!("{}.{name}", section.name) };
            if let Some(setting) = section.settings.iter().find(|setting| setting.key == name) {
                self.setting(setting, place, value);
            } else if let Some(child) = SECTIONS.iter().copied().find(|section| section.name == inner) {
                self.child(child, value);
            } else {
                self.unknown(section, name, &key.span());
            }
        }
    }

    fn setting(&mut self, setting: &'static Setting, place: &str, value: &Spanned<DeValue<'_>>) {
        self.seen.insert(format!("{place}.{}", setting.key), value.span());
        if let Err(refusal) = apply(&mut self.settings, setting, value.get_ref(), self.base) {
            self.broken.insert(place.to_owned());
            let what = format!("'{}' {}", setting.key, refusal.what);
            self.report(&value.span(), what, refusal.instead);
        }
    }

    fn child(&mut self, section: &'static Section, value: &Spanned<DeValue<'_>>) {
        match (section.begin, value.get_ref()) {
            (None, DeValue::Table(table)) => {
                self.seen.insert(section.name.to_owned(), value.span());
                self.section(section, section.name, table);
                self.required(section, section.name, table, &value.span());
            }
            (Some(begin), DeValue::Array(tables)) => {
                for (at, item) in tables.iter().enumerate() {
                    let DeValue::Table(table) = item.get_ref() else {
                        self.report(&item.span(), format!("'{}' holds a bare value", section.name), header(section));
                        continue;
                    };
                    let place = format!("{}.{at}", section.name);
                    begin(&mut self.settings);
                    for setting in section.settings {
                        if let Absent::Is(text) = setting.absent {
                            apply_text(&mut self.settings, setting, text);
                        }
                    }
                    self.section(section, &place, table);
                    self.required(section, &place, table, &item.span());
                }
            }
            _ => self.report(&value.span(), format!("'{}' is a section", section.name), header(section)),
        }
    }

    fn required(&mut self, section: &'static Section, place: &str, table: &DeTable<'_>, span: &Range<usize>) {
        for setting in section.settings {
            if let Absent::Required(example) = setting.absent
                && !table.iter().any(|(key, _)| key.get_ref() == setting.key)
            {
                let what = format!(
                    "{} has no '{}'",
                    if section.begin.is_some() { "this ".to_owned() + &bracketed(section) } else { place.to_owned() },
                    setting.key
                );
                self.broken.insert(place.to_owned());
                self.report(span, what, format!("add `{} = {example}`", setting.key));
            }
        }
    }

    fn unknown(&mut self, section: &'static Section, name: &str, span: &Range<usize>) {
        let here = if section.name.is_empty() { "at the top".to_owned() } else { format!("in {}", bracketed(section)) };
        let keys = section.settings.iter().map(|setting| setting.key);
        let children = SECTIONS.iter().filter_map(|child| child_name(section, child));
        let elsewhere = SECTIONS.iter().copied().find(|other| other.settings.iter().any(|setting| setting.key == name));
        let instead = match (nearest(name, keys.chain(children)), elsewhere) {
            (Some(near), _) => format!("write '{near}'"),
            (None, Some(other)) if other.name.is_empty() => {
                "it belongs at the top, before the first section".to_owned()
            }
            (None, Some(other)) => format!("it belongs in {}", bracketed(other)),
            (None, None) => {
                let known = section.settings.iter().map(|setting| setting.key);
                let children = SECTIONS.iter().filter_map(|child| child_name(section, child));
                format!("known here: {}", known.chain(children).collect::<Vec<_>>().join(", "))
            }
        };
        self.report(span, format!("there is no setting '{name}' {here}"), instead);
    }

    /// What only several settings together can get wrong.
    fn check(&mut self) {
        let at = |seen: &BTreeMap<String, Range<usize>>, place: &str| seen.get(place).cloned().unwrap_or(0..0);
        let listen = &self.settings.listen;
        if listen.certificate.is_some() != listen.key.is_some() {
            let (has, lacks) = if listen.key.is_some() { ("key", "certificate") } else { ("certificate", "key") };
            let span = at(&self.seen, &format!("listen.{has}"));
            self.report(
                &span,
                format!("'{has}' needs '{lacks}' beside it"),
                format!("add '{lacks}', or remove '{has}'"),
            );
        }
        let archive = self.settings.archive.clone();
        if archive.engine == Engine::Postgresql && archive.url.is_none() {
            let span = at(&self.seen, "archive.engine");
            self.report(&span, "'postgresql' needs 'url'".to_owned(), "add `url = \"postgres://…\"`".to_owned());
        }
        if archive.engine == Engine::Sqlite && archive.url.is_some() {
            let span = at(&self.seen, "archive.url");
            let instead = "add `engine = \"postgresql\"`, or remove 'url'".to_owned();
            self.report(&span, "'url' means nothing to 'sqlite'".to_owned(), instead);
        }
        self.check_namespaces();
        for fault in judge::judge(&self.settings, &self.broken) {
            let span = at(&self.seen, &fault.place);
            self.report(&span, fault.what, fault.instead);
        }
    }

    fn check_namespaces(&mut self) {
        let namespaces = self.settings.namespaces.clone();
        for (at, namespace) in namespaces.iter().enumerate() {
            let place = |key: &str| self.seen.get(&format!("namespace.{at}.{key}")).cloned();
            let mut twice = Vec::new();
            if let Some(span) = place("prefix")
                && namespaces[..at].iter().any(|other| other.prefix == namespace.prefix)
            {
                twice.push((span, format!("the prefix {} is given twice", namespace.prefix)));
            }
            if let Some(span) = place("store")
                && namespaces[..at].iter().any(|other| other.store == namespace.store)
            {
                twice.push((span, format!("the store {} is given twice", namespace.store.display())));
            }
            for (span, what) in twice {
                self.report(&span, what, "give each namespace its own".to_owned());
            }
        }
    }

    fn finish(mut self, text: &str, file: &Path) -> (Settings, Option<Findings>) {
        if self.found.is_empty() {
            return (self.settings, None);
        }
        self.found.sort();
        let findings = self.found.into_iter().map(|(offset, what, instead)| {
            let (line, column) = position(text, offset);
            Finding { line, column, what, instead }
        });
        let findings = Findings { file: file.to_owned(), findings: findings.collect() };
        (self.settings, Some(findings))
    }
}

/// The name under which `child` is written directly inside `section`.
fn child_name(section: &Section, child: &Section) -> Option<&'static str> {
    let rest = match section.name {
        "" => child.name,
        name => child.name.strip_prefix(name)?.strip_prefix('.')?,
    };
    (!rest.is_empty() && !rest.contains('.')).then_some(rest)
}

pub(super) fn bracketed(section: &Section) -> String {
    if section.begin.is_some() { format!("[[{}]]", section.name) } else { format!("[{}]", section.name) }
}

fn header(section: &Section) -> String {
    format!("write {} on a line of its own, and its settings below", bracketed(section))
}

/// Why a value is not taken: `'key' {what}; {instead}`.
struct Refusal {
    what: String,
    instead: String,
}

fn refuse<T>(what: impl Into<String>, instead: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { what: what.into(), instead: instead.into() })
}

/// Checks a value against its form and range, and puts it where it goes.
fn apply(settings: &mut Settings, setting: &Setting, value: &DeValue<'_>, base: &Path) -> Result<(), Refusal> {
    match &setting.form {
        Form::Text(set) => set(settings, text(value)?.to_owned()),
        Form::Texts(set) => set(settings, texts(value)?),
        Form::Path(set) => match text(value)? {
            "" => return refuse("is empty", "write the path of a file or folder"),
            path => set(settings, base.join(path)),
        },
        Form::Paths(set) => {
            let paths = texts(value)?;
            if paths.iter().any(String::is_empty) {
                return refuse("names a file without a name", "write the paths of files");
            }
            set(settings, paths.into_iter().map(|path| base.join(path)).collect());
        }
        Form::Instant(set) => set(settings, instant(value)?),
        Form::Address(set) => set(settings, quantity(value, "write an IP address and a port, as \"127.0.0.1:8443\"")?),
        Form::Boolean(set) => match value.as_bool() {
            Some(value) => set(settings, value),
            None => return refuse(is_a(value), "write true or false"),
        },
        Form::Prefix(set) => {
            set(settings, quantity::<LogicalPath>(value, "write a path such as \"/\" or \"/survey\"")?)
        }
        Form::Count(least, most, set) => {
            let number = value.as_integer().map(|number| number.as_str().replace('_', ""));
            match number.and_then(|number| number.parse().ok()) {
                Some(number) => set(settings, within(number, *least, *most)?),
                None => return refuse(is_a(value), format!("write a whole number from {least} to {most}")),
            }
        }
        Form::Size(least, most, set) => {
            set(settings, within(quantity(value, "write a size with its unit, as \"64 KiB\"")?, *least, *most)?);
        }
        Form::Speed(least, most, set) => {
            set(settings, within(quantity(value, "write a rate with its unit, as \"8 kbit/s\"")?, *least, *most)?);
        }
        Form::Time(least, most, set) => {
            set(settings, within(quantity(value, "write a time with its unit, as \"30 s\"")?, *least, *most)?);
        }
        Form::Choice(words, set) => {
            let text = text(value)?;
            if !words.contains(&text) {
                let near = nearest(text, words.iter().copied()).map(|near| format!("write \"{near}\""));
                let instead = near.unwrap_or_else(|| format!("write one of {}", words.join(", ")));
                return refuse(format!("cannot be \"{text}\""), instead);
            }
            set(settings, text);
        }
        Form::Algorithms(set) => set(settings, algorithms(value)?),
        Form::Word(_, instead, set) => {
            let text = text(value)?;
            set(settings, text).or_else(|why| refuse(format!("cannot be \"{text}\": {why}"), *instead))?;
        }
        Form::Words(_, instead, set) => {
            set(settings, &texts(value)?).or_else(|why| refuse(format!("is wrong: {why}"), *instead))?;
        }
    }
    Ok(())
}

fn text<'a>(value: &'a DeValue<'_>) -> Result<&'a str, Refusal> {
    value.as_str().map_or_else(|| refuse(is_a(value), "write a text in quotes"), Ok)
}

fn texts(value: &DeValue<'_>) -> Result<Vec<String>, Refusal> {
    let Some(items) = value.as_array() else {
        return refuse(is_a(value), "write a list, as [\"a\", \"b\"]");
    };
    items.iter().map(|item| text(item.get_ref()).map(str::to_owned)).collect()
}

/// As a text, or as TOML's own date with an offset.
fn instant(value: &DeValue<'_>) -> Result<Timestamp, Refusal> {
    let text = match value {
        DeValue::Datetime(instant) => instant.to_string(),
        _ => text(value)?.to_owned(),
    };
    let instead = "write an instant with its offset, as 2026-01-01T12:00:00Z, or a day, as 2026-01-01";
    text.parse().or_else(|_| refuse(format!("cannot be \"{text}\""), instead))
}

fn algorithms(value: &DeValue<'_>) -> Result<Vec<Algorithm>, Refusal> {
    let names = texts(value)?;
    let mut algorithms: Vec<Algorithm> = Vec::with_capacity(names.len());
    for name in names {
        match name.parse() {
            Ok(algorithm) if !algorithms.contains(&algorithm) => algorithms.push(algorithm),
            Ok(algorithm) => return refuse(format!("names {algorithm} twice"), "name each once"),
            Err(error) => return refuse(format!("is wrong: {error}"), "remove it, or write one of these"),
        }
    }
    algorithms.sort_unstable();
    Ok(algorithms)
}

/// A text that one of our own types reads.
fn quantity<T>(value: &DeValue<'_>, instead: &str) -> Result<T, Refusal>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    match value.as_str() {
        None => refuse(is_a(value), instead),
        Some(text) => text.parse().or_else(|error| refuse(format!("cannot be \"{text}\": {error}"), instead)),
    }
}

fn within<T: PartialOrd + std::fmt::Display>(value: T, least: T, most: T) -> Result<T, Refusal> {
    if value < least || value > most {
        return refuse(format!("is out of range ({value})"), format!("write {least} to {most}"));
    }
    Ok(value)
}

fn is_a(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "is a text",
        DeValue::Integer(_) | DeValue::Float(_) => "is a bare number",
        DeValue::Boolean(_) => "is true or false",
        DeValue::Datetime(_) => "is a date",
        DeValue::Array(_) => "is a list",
        DeValue::Table(_) => "is a section",
    }
    .to_owned()
}
