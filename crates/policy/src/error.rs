//! Why a policy is not put into force.

use std::fmt;

/// One thing that is wrong with a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyError {
    /// Where: the name of a rule of the settings, or of a file of Cedar rules.
    pub source: String,
    /// The line in that file, from 1.
    pub line: Option<u32>,
    /// The column in that line, from 1, in characters.
    pub column: Option<u32>,
    /// What is wrong, without a full stop.
    pub what: String,
    /// What to write instead, where that can be said.
    pub instead: Option<String>,
}

impl PolicyError {
    pub(crate) fn new(source: impl Into<String>, what: impl Into<String>) -> Self {
        Self { source: source.into(), line: None, column: None, what: what.into(), instead: None }
    }

    pub(crate) fn instead(mut self, instead: impl Into<String>) -> Self {
        self.instead = Some(instead.into());
        self
    }

    /// At this byte of the text.
    pub(crate) fn at(mut self, text: &str, offset: Option<usize>) -> Self {
        let before = offset.and_then(|offset| text.get(..offset));
        if let Some(before) = before {
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            self.line = u32::try_from(before.matches('\n').count() + 1).ok();
            self.column = u32::try_from(before[line_start..].chars().count() + 1).ok();
        }
        self
    }
}

/// `rules.cedar:3:14: what is wrong; instead`
impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        write!(f, ": {}", self.what)?;
        match &self.instead {
            Some(instead) => write!(f, "; {instead}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PolicyError {}
