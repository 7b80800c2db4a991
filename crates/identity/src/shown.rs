//! Words of strangers in our sentences.

/// Words of a stranger in a message: short, and without what could move a cursor or begin a line.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 120;
    let clean = text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter });
    let mut short: String = clean.take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        short.push('…');
    }
    short
}
