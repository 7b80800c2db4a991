//! The short form, written out in Cedar's language.

use crate::rule::{Conditions, Embargo, Rule, RuleEffect, Subject};
use crate::schema::{ADMINISTRATION, FILES, THIS};
use crate::{AnonymousGrant, PolicyError};

use core::net::IpAddr;
use std::time::Duration;
use terms::{LogicalPath, Timestamp, Verb, VerbSet};

/// An embargo that lasts longer is a mistyped one. (Cedar's instants reach further: no sum overflows.)
const EMBARGO_MAX: Duration = Duration::from_secs(200 * 366 * 86_400);

/// What errors call a rule of the short form; in one line, whatever its name is.
fn source_of(kind: &str, name: &str) -> String {
    let name: String = name.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    format!("{kind} '{name}'")
}

/// How the name of a grant to anonymous visitors begins; its path follows.
pub(crate) const GRANT: &str = "anonymous ";

/// The name of the one rule that is always there.
pub(crate) const CREDENTIAL: &str = "credential";

/// One rule in Cedar's language, and what its conditions mean to people.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// What errors call it.
    pub(crate) source: String,
    /// Its name.
    pub(crate) name: String,
    /// In Cedar's language.
    pub(crate) text: String,
    /// For each clause in its order, what would satisfy it.
    pub(crate) needs: Vec<Need>,
}

/// What a condition means to people, as it follows after "it would take".
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Need {
    /// Which part of the rule it is.
    pub(crate) part: Part,
    /// May any caller know it? What is said of groups and other users is for operators alone.
    pub(crate) public: bool,
    /// What would make it hold: `a request over TLS`.
    pub(crate) hold: String,
    /// What would make it fail: `a request without TLS`.
    pub(crate) fail: String,
    /// It is the end of an embargo.
    pub(crate) ends: Option<EmbargoEnd>,
}

/// What ends an embargo.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EmbargoEnd {
    /// The file's own attribute.
    Own,
    /// So long after import.
    After(Duration),
}

/// The parts of a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// Who.
    Who,
    /// Does what.
    Verb,
    /// Where.
    Path,
    /// Under which condition.
    Condition,
}

impl Part {
    /// Its name, as explanations print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::Verb => "verb",
            Self::Path => "path",
            Self::Condition => "condition",
        }
    }
}

impl Need {
    /// Said to operators alone.
    pub(crate) fn private(part: Part, hold: impl Into<String>, fail: impl Into<String>) -> Self {
        Self { part, public: false, hold: hold.into(), fail: fail.into(), ends: None }
    }

    fn public(hold: impl Into<String>, fail: impl Into<String>) -> Self {
        Self { public: true, ..Self::private(Part::Condition, hold, fail) }
    }

    fn end(ends: EmbargoEnd) -> Self {
        Self { ends: Some(ends), ..Self::public("the embargo lasting", "") }
    }
}

/// A rule that is being written.
struct Writing {
    kind: &'static str,
    name: String,
    allows: bool,
    principal: String,
    action: String,
    resource: String,
    clauses: Vec<String>,
    needs: Vec<Need>,
}

impl Writing {
    fn new(kind: &'static str, name: &str, allows: bool) -> Self {
        let any = |word: &str| word.to_owned();
        let (principal, action, resource) = (any("principal"), any("action"), any("resource"));
        Self {
            kind,
            name: name.to_owned(),
            allows,
            principal,
            action,
            resource,
            clauses: Vec::new(),
            needs: Vec::new(),
        }
    }

    fn when(&mut self, condition: impl AsRef<str>, need: Need) {
        self.clauses.push(format!("when {{ {} }}", condition.as_ref()));
        self.needs.push(need);
    }

    fn unless(&mut self, condition: impl AsRef<str>, need: Need) {
        self.clauses.push(format!("unless {{ {} }}", condition.as_ref()));
        self.needs.push(need);
    }

    /// A condition on a fact that may be unknown. What is not known allows nothing, and lifts no ban.
    fn when_known(&mut self, fact: &str, condition: &str, need: Need) {
        if self.allows {
            self.when(format!("{fact} && ({condition})"), need);
        } else {
            self.when(format!("if {fact} then {condition} else true"), need);
        }
    }

    fn finish(self) -> Draft {
        let effect = if self.allows { "permit" } else { "forbid" };
        let mut text = format!("@id({})\n{effect} (\n", quoted(&self.name));
        text.push_str(&format!("    {},\n    {},\n    {}\n)", self.principal, self.action, self.resource));
        for clause in &self.clauses {
            text.push('\n');
            text.push_str(clause);
        }
        text.push(';');
        Draft { source: source_of(self.kind, &self.name), name: self.name, text, needs: self.needs }
    }

    fn subjects(&mut self, subjects: &[Subject]) {
        match subjects {
            _ if subjects.contains(&Subject::Everyone) => {}
            [Subject::User(name)] => self.principal = format!("principal == {}", entity("User", name)),
            [Subject::Group(name)] => self.principal = format!("principal in {}", entity("Group", name)),
            [Subject::Issuer(name)] => self.principal = format!("principal in {}", entity("Issuer", name)),
            [Subject::Anonymous] => self.principal = "principal is Anonymous".to_owned(),
            several => self.when(expression(several), Need::private(Part::Who, being(several), "being somebody else")),
        }
    }

    fn verbs(&mut self, verbs: VerbSet) {
        let single: Vec<_> = verbs.iter().map(|verb| entity("Action", verb.name())).collect();
        let administration = VerbSet::administration();
        let files: VerbSet = Verb::ALL.iter().copied().filter(|verb| !verb.is_administration()).collect();
        self.action = match &single[..] {
            _ if verbs == VerbSet::all() => "action".to_owned(),
            _ if verbs == files => format!("action in {}", entity("Action", FILES)),
            _ if verbs == administration => format!("action in {}", entity("Action", ADMINISTRATION)),
            [verb] => format!("action == {verb}"),
            several => format!("action in [{}]", several.join(", ")),
        };
    }

    fn places(&mut self, verbs: VerbSet, paths: &[LogicalPath]) {
        let has_administration = !verbs.intersection(VerbSet::administration()).is_empty();
        match paths {
            [] => self.resource = format!("resource == {}", entity("Port", THIS)),
            [path] if !has_administration => {
                self.resource = format!("resource in {}", entity("Path", path.as_str()));
            }
            several => {
                let within = within(several);
                let this = if has_administration { "resource is Port || " } else { "" };
                let words = format!("a path below {}", listed(several));
                self.when(format!("{this}{within}"), Need::private(Part::Path, words, "another path"));
            }
        }
    }

    fn conditions(&mut self, conditions: &Conditions) {
        if !conditions.networks.is_empty() {
            let within = |network: &String| format!("context.address.isInRange(ip({}))", quoted(network));
            let any = conditions.networks.iter().map(within).collect::<Vec<_>>().join(" || ");
            // Which networks is not everybody's business; that another one is needed may be said.
            let another = "a request from another network";
            self.when_known("context has address", &any, Need::public(another, another));
        }
        if let Some(from) = conditions.from {
            let need = Need::public(format!("asking from {from} on"), format!("asking before {from}"));
            self.when(format!("context.now >= {}", instant_not_before(from)), need);
        }
        if let Some(until) = conditions.until {
            let need = Need::public(format!("asking before {until}"), format!("asking from {until} on"));
            self.when(format!("context.now < {}", instant_not_before(until)), need);
        }
        let (with, without) = ("a request over TLS", "a request without TLS");
        match conditions.tls {
            Some(true) => self.when("context.tls", Need::public(with, without)),
            Some(false) => self.when("!context.tls", Need::public(without, with)),
            None => {}
        }
        if let Some(age) = conditions.credential_age_max {
            let condition = format!("context.credential_age <= {}", duration(age));
            let age = told(age);
            let need = Need::public(
                format!("a credential issued at most {age} ago"),
                format!("one issued more than {age} ago"),
            );
            self.when_known("context has credential_age", &condition, need);
        }
        if let Some(most) = conditions.size_max_bytes {
            let need = Need::public(
                format!("at most {most} bytes at once, said beforehand"),
                format!("more than {most} bytes"),
            );
            self.when_known("context has bytes", &format!("context.bytes <= {}", long(most)), need);
        }
        if let Some(most) = conditions.daily_max_bytes {
            let hold = format!("having moved less than {most} bytes in the last day");
            let need = Need::public(hold, format!("having moved {most} bytes or more in the last day"));
            self.when_known("context has used_bytes", &format!("context.used_bytes < {}", long(most)), need);
        }
        for (name, value) in &conditions.attributes {
            let (key, wanted) = (quoted(name), quoted(value));
            let condition = format!("resource.hasTag({key}) && resource.getTag({key}) == {wanted}");
            let hold = format!("a file whose {name} is {value}");
            self.when(condition, Need::private(Part::Condition, hold, format!("a file whose {name} is not {value}")));
        }
    }
}

/// A rule.
pub(crate) fn rule(rule: &Rule) -> Result<Draft, Vec<PolicyError>> {
    let faults = faults_of(rule);
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut writing = Writing::new("rule", &rule.name, rule.effect == RuleEffect::Allow);
    writing.subjects(&rule.subjects);
    writing.verbs(rule.verbs);
    writing.places(rule.verbs, &rule.paths);
    writing.conditions(&rule.conditions);
    Ok(writing.finish())
}

fn faults_of(rule: &Rule) -> Vec<PolicyError> {
    let fault = |what: String| PolicyError::new(source_of("rule", &rule.name), what);
    let mut faults = Vec::new();
    if rule.verbs.is_empty() {
        faults.push(fault("it names no verb".to_owned()).instead("write verbs = \"read\", or several with commas"));
    }
    if rule.subjects.is_empty() {
        faults.push(fault("it names nobody".to_owned()).instead("write who = [\"everyone\"], or whom you mean"));
    }
    let administration = rule.verbs.intersection(VerbSet::administration());
    if rule.paths.is_empty() && administration != rule.verbs {
        faults.push(fault("it names no path".to_owned()).instead("write paths = [\"/\"] for all"));
    }
    if !administration.is_empty() && !rule.paths.is_empty() && !rule.paths.iter().any(LogicalPath::is_root) {
        let what =
            format!("{administration} cannot be given for a path: verbs of administration are of the whole port");
        faults.push(fault(what).instead("put them into a rule of their own without paths"));
    }
    let looks_at_files =
        !rule.conditions.attributes.is_empty() || rule.subjects.iter().all(|who| *who == Subject::Owner);
    if !administration.is_empty() && !rule.subjects.is_empty() && looks_at_files {
        let what = format!("{administration} is asked of the port itself, which has neither owner nor attributes");
        faults.push(fault(what).instead("put these verbs into a rule of their own"));
    }
    for network in &rule.conditions.networks {
        if let Err(why) = check_network(network) {
            faults.push(
                fault(format!("'{network}' is not a network: {why}"))
                    .instead("write it like 192.0.2.0/24 or 2001:db8::/32"),
            );
        }
    }
    if let (Some(from), Some(until)) = (rule.conditions.from, rule.conditions.until)
        && from >= until
    {
        faults.push(fault(format!("it begins at {from} and ends at {until}: there is no time between")));
    }
    faults
}

/// Cedar reads a network only where its text is exact; this says what is not.
fn check_network(text: &str) -> Result<(), String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let parsed: IpAddr = address.parse().map_err(|_| format!("'{address}' is not an address"))?;
    let (bits_max, bits) = match parsed {
        IpAddr::V4(address) => (32_u32, u128::from(address.to_bits()) << 96),
        IpAddr::V6(address) => (128, address.to_bits()),
    };
    let Some(length) = length else { return Ok(()) };
    let length: u32 = length.parse().map_err(|_| format!("'{length}' is not a number of bits"))?;
    if length > bits_max {
        return Err(format!("it has more than {bits_max} bits"));
    }
    let host_bits = if length == 0 { bits } else { bits.checked_shl(length).unwrap_or(0) };
    if host_bits != 0 {
        return Err(format!("its address has bits beyond the first {length}"));
    }
    Ok(())
}

/// An embargo: it forbids, and grants nothing to anyone.
pub(crate) fn embargo(embargo: &Embargo) -> Result<Draft, Vec<PolicyError>> {
    let fault = |what: &str| PolicyError::new(source_of("embargo", &embargo.name), what);
    if embargo.paths.is_empty() {
        return Err(vec![fault("it names no path").instead("write paths = [\"/survey\"]")]);
    }
    if embargo.lasts.is_some_and(|lasts| lasts > EMBARGO_MAX) {
        return Err(vec![
            fault("it lasts longer than 200 years")
                .instead("leave out how long: only the attribute embargo-until ends it then"),
        ]);
    }
    if embargo.readers.contains(&Subject::Everyone) {
        return Err(vec![
            fault("everyone is among its readers: it closes nothing").instead("name those who may read before it ends"),
        ]);
    }
    let mut writing = Writing::new("embargo", &embargo.name, false);
    let read = VerbSet::from_iter([Verb::Read]);
    writing.verbs(read);
    writing.places(read, &embargo.paths);
    if !embargo.readers.is_empty() {
        writing.unless(
            expression(&embargo.readers),
            Need::private(Part::Who, "being somebody else", being(&embargo.readers)),
        );
    }
    writing.unless("resource has embargo_until && context.now >= resource.embargo_until", Need::end(EmbargoEnd::Own));
    if let Some(lasts) = embargo.lasts {
        // A file with an end of its own, even an unreadable one, has that and no other.
        let condition = format!(
            "!resource.hasTag(\"embargo-until\") && resource has imported && context.now >= resource.imported.offset({})",
            duration(lasts)
        );
        writing.unless(condition, Need::end(EmbargoEnd::After(lasts)));
    }
    Ok(writing.finish())
}

/// What anonymous visitors may do, everybody may; the longest path decides.
pub(crate) fn anonymous(grants: &[AnonymousGrant]) -> Vec<Draft> {
    let files = |verbs: VerbSet| {
        Verb::ALL.iter().copied().filter(|verb| !verb.is_administration() && verbs.contains(*verb)).collect()
    };
    let draft = |grant: &AnonymousGrant| {
        let verbs: VerbSet = files(grant.verbs);
        let mut writing = Writing::new("rule", &format!("{GRANT}{}", grant.path), true);
        writing.verbs(verbs);
        writing.places(verbs, std::slice::from_ref(&grant.path));
        let inside = grants.iter().map(|other| &other.path);
        let inside: Vec<_> =
            inside.filter(|path| **path != grant.path && path.is_within(&grant.path)).cloned().collect();
        if !inside.is_empty() {
            let words = format!("a path outside {}", listed(&inside));
            writing.unless(within(&inside), Need::private(Part::Path, words, "another path"));
        }
        (!verbs.is_empty()).then(|| writing.finish())
    };
    grants.iter().filter_map(draft).collect()
}

/// The rule by which a credential grants what its bounds let through.
pub(crate) fn capability() -> Draft {
    let mut writing = Writing::new("rule", CREDENTIAL, true);
    writing.when(
        "context.capability",
        Need::private(Part::Who, "a credential that grants by itself", "another credential"),
    );
    writing.finish()
}

/// "Is the caller one of these?"
fn expression(subjects: &[Subject]) -> String {
    let one = |subject: &Subject| match subject {
        Subject::Everyone => "true".to_owned(),
        Subject::Anonymous => "principal is Anonymous".to_owned(),
        Subject::SignedIn => "principal is User || principal is Token".to_owned(),
        Subject::User(name) => format!("principal == {}", entity("User", name)),
        Subject::Group(name) => format!("principal in {}", entity("Group", name)),
        Subject::Issuer(name) => format!("principal in {}", entity("Issuer", name)),
        // Whoever comes without a name owns nothing, although files may have come from such callers.
        Subject::Owner => {
            "(principal is User || principal is Token) && resource has owner && resource.owner == principal.name"
                .to_owned()
        }
    };
    subjects.iter().map(one).collect::<Vec<_>>().join(" || ")
}

pub(crate) fn being(subjects: &[Subject]) -> String {
    let one = |subject: &Subject| match subject {
        Subject::Everyone => "being anyone".to_owned(),
        Subject::Anonymous => "coming without credentials".to_owned(),
        Subject::SignedIn => "signing in".to_owned(),
        Subject::User(name) => format!("being {name}"),
        Subject::Group(name) => format!("being in group {name}"),
        Subject::Issuer(name) => format!("being vouched for by {name}"),
        Subject::Owner => "being the file's owner".to_owned(),
    };
    subjects.iter().map(one).collect::<Vec<_>>().join(", or ")
}

fn within(paths: &[LogicalPath]) -> String {
    match paths {
        [path] => format!("resource in {}", entity("Path", path.as_str())),
        several => {
            let each: Vec<_> = several.iter().map(|path| entity("Path", path.as_str())).collect();
            format!("resource in [{}]", each.join(", "))
        }
    }
}

/// `/a or /b`
pub(crate) fn listed<T: ToString>(several: &[T]) -> String {
    several.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn entity(kind: &str, id: &str) -> String {
    format!("{kind}::{}", quoted(id))
}

/// A string of Cedar; its escapes are those of Rust.
fn quoted(text: &str) -> String {
    let escaped = text.split('\'').map(|part| part.escape_debug().to_string()).collect::<Vec<_>>();
    format!("\"{}\"", escaped.join("'"))
}

/// Cedar counts in milliseconds; the first one that is not before this.
pub(crate) fn instant_not_before(instant: Timestamp) -> String {
    format!("datetime(\"{}\")", crate::request::milliseconds_text(crate::request::milliseconds_up(instant)))
}

fn duration(span: Duration) -> String {
    format!("duration(\"{}\")", told(span))
}

/// A span as both Cedar and people read it: `1d12h`.
fn told(span: Duration) -> String {
    let milliseconds = u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).min(i64::MAX as u64);
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = milliseconds;
    let mut text = String::new();
    for (name, size) in units {
        if rest >= size {
            text.push_str(&format!("{}{name}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
