//! One line of the doctor.

use serde::Serialize;

/// How something stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It could not be seen, or nobody can say.
    Unknown,
    /// As it should be.
    Ok,
    /// It works, and costs speed or truth.
    Costs,
    /// It does not work.
    Broken,
}

/// What was found, what it costs, what to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// A stable word for programs: `receive-buffer`.
    pub subject: &'static str,
    /// Of what: an interface, a name, a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What that costs, in numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
    /// What to do, exactly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
    /// The arithmetic, and where the threshold comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Something to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// A setting of the kernel, for now by `sysctl -w`, to last in `/etc/sysctl.d`.
    Sysctl {
        /// As `net.ipv4.tcp_sack`.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// A command to run as root.
    Command(String),
    /// What no command does.
    Do(String),
}

impl Remedy {
    /// As it is typed, or said.
    pub fn text(&self) -> String {
        match self {
            Self::Sysctl { key, value } if value.contains(' ') => format!("sysctl -w {key}='{value}'"),
            Self::Sysctl { key, value } => format!("sysctl -w {key}={value}"),
            Self::Command(text) | Self::Do(text) => text.clone(),
        }
    }

    /// Of a setting.
    pub(super) fn sysctl(key: &'static str, value: impl ToString) -> Self {
        Self::Sysctl { key, value: value.to_string() }
    }
}

impl Finding {
    pub(super) fn ok(subject: &'static str, found: impl Into<String>) -> Self {
        Self::new(subject, State::Ok, found.into())
    }

    /// `why`: what could not be seen, and for what reason if it is known.
    pub(super) fn unknown(subject: &'static str, why: impl Into<String>) -> Self {
        Self::new(subject, State::Unknown, why.into())
    }

    pub(super) fn costs(subject: &'static str, found: impl Into<String>, cost: impl Into<String>) -> Self {
        Self { cost: Some(cost.into()), ..Self::new(subject, State::Costs, found.into()) }
    }

    pub(super) fn broken(subject: &'static str, found: impl Into<String>, cost: impl Into<String>) -> Self {
        Self { cost: Some(cost.into()), ..Self::new(subject, State::Broken, found.into()) }
    }

    pub(super) fn of(mut self, of: impl Into<String>) -> Self {
        self.of = Some(of.into());
        self
    }

    pub(super) fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedies.push(remedy);
        self
    }

    pub(super) fn because(mut self, because: impl Into<String>) -> Self {
        self.because = Some(because.into());
        self
    }

    fn new(subject: &'static str, state: State, found: String) -> Self {
        Self { subject, of: None, state, found, cost: None, remedies: Vec::new(), because: None }
    }
}
