//! Lines for people, and for tables.

use api::AuditRecord;
use std::fmt::Write as _;

/// One line for people, without its newline: when, answer, who, what, from where, why.
pub fn to_text(record: &AuditRecord) -> String {
    let mut out = format!("{}  ", record.at);
    let what = record.decision.map_or(record.event.as_str(), |decision| decision.name());
    let _ = write!(out, "{what:<16}");
    let who = record.who.as_deref().unwrap_or("-");
    let _ = write!(out, "  {who}");
    if let Some(credential) = &record.credential {
        let _ = write!(out, " by {credential}");
    }
    if let Some(from) = &record.from {
        let clear = if record.tls == Some(false) { " in clear" } else { "" };
        let _ = write!(out, " from {from}{clear}");
    }
    if let Some(verb) = &record.verb {
        let _ = write!(out, "  {verb} {}", record.path.as_deref().unwrap_or("this port"));
    }
    if let Some(subject) = &record.subject {
        let _ = write!(out, "  {subject}");
    }
    if let Some(reason) = &record.reason {
        let _ = write!(out, "  {reason}");
    }
    if let Some(rule) = &record.rule {
        let _ = write!(out, "  [{rule}]");
    }
    // What callers choose cannot move the cursor of a terminal, nor break the line.
    out.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// The first line of a table, without its newline.
pub const CSV_HEADER: &str = "seq,at,event,decision,who,issuer,credential,credential_id,groups,from,tls,verb,path,bytes,rule,reason,subject,request";

/// One line of a table (RFC 4180), without its line break. The chain is left out: it binds the lines of the files.
pub fn to_csv(record: &AuditRecord) -> String {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let fields = [
        Some(record.sequence.to_string()),
        Some(record.at.clone()),
        Some(record.event.clone()),
        record.decision.map(|decision| decision.name().to_owned()),
        record.who.clone(),
        record.issuer.clone(),
        record.credential.clone(),
        record.credential_id.clone(),
        number(record.groups),
        record.from.clone(),
        record.tls.map(|tls| tls.to_string()),
        record.verb.clone(),
        record.path.clone(),
        number(record.bytes),
        record.rule.clone(),
        record.reason.clone(),
        record.subject.clone(),
        record.request.clone(),
    ];
    fields.iter().map(|field| field.as_deref().map_or_else(String::new, cell)).collect::<Vec<_>>().join(",")
}

/// A spreadsheet takes what begins so for a formula, and names are chosen by others: an apostrophe makes it a text.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

fn cell(text: &str) -> String {
    let guarded = if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}
