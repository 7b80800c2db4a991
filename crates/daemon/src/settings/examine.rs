//! What only a look at this host can tell about settings that are in order by themselves.

use super::Settings;
use net::certificate;
use std::time::{Duration, SystemTime};

/// A certificate of the settings that expires sooner is worth a word.
const EXPIRES_SOON: Duration = Duration::from_secs(30 * 86_400);

/// What would keep a port with these settings from starting here, or soon from working; one sentence each.
pub(super) fn examine(settings: &Settings) -> Vec<String> {
    let mut doubts = Vec::new();
    for namespace in &settings.namespaces {
        let store = namespace.store.display();
        match std::fs::metadata(&namespace.store) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => doubts.push(format!("the store {store} is not a folder")),
            Err(error) => doubts.push(format!("the store {store} cannot be used: {error}")),
        }
    }
    if let (Some(certificate), Some(key)) = (&settings.listen.certificate, &settings.listen.key) {
        let read = certificate::load_pem(certificate).and_then(|chain| Ok((chain, certificate::load_pem(key)?)));
        let judged = read.and_then(|(chain, key)| {
            certificate::ServerCertificate::new(&chain, &key)?;
            certificate::expiry(&chain)
        });
        match judged {
            Ok(expiry) if expiry < SystemTime::now() => doubts.push("the certificate has expired".to_owned()),
            Ok(expiry) if expiry < SystemTime::now() + EXPIRES_SOON => {
                doubts.push("the certificate expires within 30 days".to_owned());
            }
            Ok(_) => {}
            Err(problem) => doubts.push(problem.to_string()),
        }
    }
    if let Some(scratch) = &settings.responder.scratch
        && !scratch.is_dir()
    {
        doubts.push(format!("the folder {} for tests of disks is not there", scratch.display()));
    }
    let left_out = crate::auth::examine_certificates(&settings.certificates);
    doubts.extend(left_out.iter().map(|sentence| sentence.trim_end_matches('.').to_owned()));
    doubts
}
