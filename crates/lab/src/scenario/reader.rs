//! A walk over the spanned TOML tree that goes on after each finding.

use super::findings::{Finding, Findings, position, suggestion};
use super::value::{Refusal, Taken, is_none};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Collects what is wrong.
#[derive(Default)]
pub(super) struct Reader {
    found: Vec<(usize, String, String)>,
}

/// A table and where it begins.
#[derive(Clone, Copy)]
pub(super) struct Fields<'t, 'v> {
    table: &'t DeTable<'v>,
    start: usize,
}

impl<'t, 'v> Fields<'t, 'v> {
    pub(super) fn new(table: &'t DeTable<'v>, start: usize) -> Self {
        Self { table, start }
    }

    pub(super) fn value(self, key: &str) -> Option<&'t Spanned<DeValue<'v>>> {
        self.table.get(key)
    }

    pub(super) fn span_of(self, key: &str) -> Option<Range<usize>> {
        self.value(key).map(Spanned::span)
    }

    /// Where a key is, else where the table is.
    pub(super) fn near(self, key: &str) -> Range<usize> {
        self.span_of(key).unwrap_or(self.start..self.start)
    }

    pub(super) fn table_of(self, key: &str) -> Option<Fields<'t, 'v>> {
        let value = self.value(key)?;
        value.get_ref().as_table().map(|table| Fields::new(table, value.span().start))
    }

    /// The keys and what is below them.
    pub(super) fn entries(self) -> impl Iterator<Item = (&'t str, Range<usize>, &'t Spanned<DeValue<'v>>)> {
        self.table.iter().map(|(key, value)| (&**key.get_ref(), key.span(), value))
    }
}

impl Reader {
    pub(super) fn report(&mut self, span: &Range<usize>, what: impl Into<String>, instead: impl Into<String>) {
        self.found.push((span.start, what.into(), instead.into()));
    }

    pub(super) fn found_nothing(&self) -> bool {
        self.found.is_empty()
    }

    /// Tells of keys that are none of those known here.
    pub(super) fn only(&mut self, fields: Fields<'_, '_>, here: &str, known: &[&[&str]]) {
        for (key, span, _) in fields.entries() {
            if !known.iter().any(|keys| keys.contains(&key)) {
                let instead = suggestion(key, known.iter().copied().flatten().copied()).replace('"', "'");
                self.report(&span, format!("there is no '{key}' {here}"), instead);
            }
        }
    }

    /// The value of a key, when it is there and right.
    pub(super) fn take<'v, T>(
        &mut self,
        fields: Fields<'_, 'v>,
        key: &str,
        parse: impl FnOnce(&DeValue<'v>) -> Taken<T>,
    ) -> Option<T> {
        let value = fields.value(key)?;
        match parse(value.get_ref()) {
            Ok(taken) => Some(taken),
            Err(Refusal { what, instead }) => {
                self.report(&value.span(), format!("'{key}' {what}"), instead);
                None
            }
        }
    }

    /// The same for what can be taken away by "none".
    pub(super) fn take_or_none<'v, T>(
        &mut self,
        fields: Fields<'_, 'v>,
        key: &str,
        parse: impl FnOnce(&DeValue<'v>) -> Taken<T>,
    ) -> Option<Option<T>> {
        self.take(fields, key, |value| if is_none(value) { Ok(None) } else { parse(value).map(Some) })
    }

    /// The same for what has to be there.
    pub(super) fn require<'v, T>(
        &mut self,
        fields: Fields<'_, 'v>,
        key: &str,
        example: &str,
        parse: impl FnOnce(&DeValue<'v>) -> Taken<T>,
    ) -> Option<T> {
        if fields.value(key).is_none() {
            self.report(&fields.near(key), format!("'{key}' is missing"), format!("add `{key} = {example}`"));
        }
        self.take(fields, key, parse)
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables<'t, 'v>(&mut self, fields: Fields<'t, 'v>, key: &str) -> Vec<Fields<'t, 'v>> {
        let Some(value) = fields.value(key) else { return Vec::new() };
        let items = value.get_ref().as_array().map(|items| items.iter().map(|item| (item.get_ref().as_table(), item)));
        let Some(items) = items else {
            self.report(&value.span(), format!("'{key}' is a list of tables"), format!("write [[{key}]] above it"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (table, item) in items {
            match table {
                Some(table) => tables.push(Fields::new(table, item.span().start)),
                None => {
                    self.report(
                        &item.span(),
                        format!("'{key}' holds a bare value"),
                        format!("write [[{key}]] above it"),
                    );
                }
            }
        }
        tables
    }

    /// What was found, by position.
    pub(super) fn finish(mut self, text: &str, file: &str) -> Findings {
        self.found.sort();
        self.found.dedup();
        let findings = self.found.into_iter().map(|(offset, what, instead)| {
            let (line, column) = position(text, offset);
            Finding { line, column, what, instead }
        });
        Findings { file: file.to_owned(), findings: findings.collect() }
    }
}
