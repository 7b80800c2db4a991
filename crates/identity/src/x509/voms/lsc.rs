//! `.lsc` files: the names of certificates from a server's up to an authority's, one a line.

use super::super::name::modern;

/// One chain of names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Lsc(Vec<String>);

/// Between chains of one file.
const NEXT_CHAIN: &str = "NEXT CHAIN";

/// Names in a file: a chain has three at most.
const NAMES_MAX: usize = 256;

impl Lsc {
    /// Reads all chains of a file.
    pub(crate) fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
        let mut chains = vec![Vec::new()];
        for line in
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).take(NAMES_MAX)
        {
            match (line.starts_with('/'), line.contains(NEXT_CHAIN)) {
                (_, true) => chains.push(Vec::new()),
                (true, false) => chains.last_mut().into_iter().for_each(|chain| chain.push(modern(line))),
                (false, false) => {
                    return Err(format!("'{}' is not a name like /DC=org/CN=host", line.escape_default()));
                }
            }
        }
        chains.retain(|chain| !chain.is_empty());
        // A server's name alone would let every authority make one of that name.
        match chains.iter().all(|chain| chain.len() >= 2) && !chains.is_empty() {
            true => Ok(chains.into_iter().map(Self).collect()),
            false => Err("it must hold the server's name and that of its authority".to_owned()),
        }
    }

    /// Does it name the beginning of this verified chain?
    pub(crate) fn names(&self, chain: &[String]) -> bool {
        chain.starts_with(&self.0)
    }
}
