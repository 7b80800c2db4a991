//! VOMS attributes that no server makes: each is left aside with its reason, and the user stays who they are.

use super::forge::{
    Cast, INHERIT_ALL, Plan, Signer, element, extension, key_usage, name, oid, proxy_info, sequence, time,
};
use super::{NOW, accepted, named, organisation};
use crate::x509::TrustSource;

/// One attribute certificate, and what is put into the vomsdir.
struct Script {
    cast: Cast,
    server: Signer,
    server_plan: Plan,
    /// Whose certificate is named as the holder's: its issuer and serial number.
    holder: (&'static str, u8),
    issuer: &'static str,
    origin: &'static str,
    names: &'static [&'static str],
    to: i64,
    extensions: Vec<Vec<u8>>,
    embedded: bool,
    source: TrustSource,
}

impl Script {
    /// All is well.
    fn new() -> Self {
        let cast = Cast::new();
        let mut organisation = organisation();
        organisation.lists = vec![named("voms.lsc", "/DC=org/CN=voms\n/DC=org/CN=Root\n")];
        let source = TrustSource { organisations: vec![organisation], ..cast.source() };
        Self {
            server: Signer::new("/DC=org/CN=voms", 8),
            server_plan: Plan { serial: 9, ..Plan::user() },
            holder: ("/DC=org/CN=Root", 7),
            issuer: "/DC=org/CN=voms",
            origin: "testvo://voms.example.org:15000",
            names: &["/testvo/Role=NULL/Capability=NULL", "/testvo/dr1/Role=pilot/Capability=NULL"],
            to: NOW + 3_600,
            extensions: Vec::new(),
            embedded: true,
            cast,
            source,
        }
    }

    fn attributes(&self) -> Vec<u8> {
        const VOMS: &str = "1.3.6.1.4.1.8005.100.100";
        let holder_name = sequence(&[&element(0xa4, &[&name(self.holder.0)])]);
        let holder = sequence(&[&element(0xa0, &[&holder_name, &element(2, &[&[self.holder.1]])])]);
        let issuer = element(0xa0, &[&sequence(&[&element(0xa4, &[&name(self.issuer)])])]);
        let names: Vec<u8> = self.names.iter().flat_map(|name| element(4, &[name.as_bytes()])).collect();
        let origin = element(0xa0, &[&element(0x86, &[self.origin.as_bytes()])]);
        let value = sequence(&[&origin, &sequence(&[&names])]);
        let attribute = sequence(&[&oid(&format!("{VOMS}.4")), &element(0x31, &[&value])]);
        let server = self.cast.root.certify(&self.server, &self.server_plan);
        let mut extensions = self.extensions.concat();
        if self.embedded {
            let certificates = sequence(&[&sequence(&[&server])]);
            extensions.extend(extension(&format!("{VOMS}.10"), false, &certificates));
        }
        self.server.sign(&sequence(&[
            &element(2, &[&[1]]),
            &holder,
            &issuer,
            &sequence(&[&oid("1.3.101.112")]),
            &element(2, &[&[1]]),
            &sequence(&[&time(NOW - 60), &time(self.to)]),
            &sequence(&[&attribute]),
            &sequence(&[&extensions]),
        ]))
    }

    fn proxy_with(&self, attributes: &[Vec<u8>]) -> Vec<u8> {
        let list = sequence(&[&sequence(&[&attributes.concat()])]);
        let plan = Plan::with(&[
            proxy_info(None, INHERIT_ALL),
            key_usage(0xa0),
            extension("1.3.6.1.4.1.8005.100.100.5", false, &list),
        ]);
        self.cast.user.certify(&self.cast.proxy, &plan)
    }

    /// The groups, and the notes without what all begin with.
    fn play(&self) -> (Vec<String>, Vec<String>) {
        let chain = [self.proxy_with(&[self.attributes()]), self.cast.user_certificate()];
        let judged = accepted(&chain, &self.source);
        assert_eq!(judged.identity.name, "/DC=org/CN=Alice");
        let told = |note: &String| {
            note.trim_start_matches("The attributes of testvo in the proxy are left aside: ").to_owned()
        };
        (judged.identity.groups.into_iter().collect(), judged.notes.iter().map(told).collect())
    }

    fn aside(&self) -> String {
        let (groups, notes) = self.play();
        assert_eq!((groups.len(), notes.len()), (0, 1), "{groups:?} {notes:?}");
        notes.concat()
    }
}

#[test]
fn the_groups_that_a_server_signed() {
    let (groups, notes) = Script::new().play();
    assert_eq!((groups, notes), (vec!["/testvo".to_owned(), "/testvo/dr1/Role=pilot".to_owned()], vec![]));
}

#[test]
fn attributes_of_somebody_else() {
    for holder in [("/DC=org/CN=Root", 8), ("/DC=org/CN=Other", 7)] {
        assert_eq!(Script { holder, ..Script::new() }.aside(), "they were made for another certificate.");
    }
}

#[test]
fn what_is_made_with_groups_ends_with_them() {
    let script = Script { to: NOW + 60, ..Script::new() };
    let chain = [script.proxy_with(&[script.attributes()]), script.cast.user_certificate()];
    let judged = accepted(&chain, &script.source);
    let end = terms::Timestamp::from_seconds(NOW + 60);
    assert_eq!((judged.until, judged.identity.credential.expires), (end, Some(end)));
}

#[test]
fn attributes_out_of_time() {
    let told = Script { to: NOW - 301, ..Script::new() }.aside();
    assert_eq!(told, "they ended on 2026-11-22T03:54:59Z.");
}

#[test]
fn a_server_makes_no_groups_of_another_organisation() {
    let told = Script { names: &["/testvo", "/other/Role=admin"], ..Script::new() }.aside();
    assert_eq!(told, "'/other/Role=admin' is not the name of a group of theirs.");
    let (groups, notes) = Script { origin: "other://voms.example.org:15000", ..Script::new() }.play();
    assert!(groups.is_empty() && notes[0].contains("of other in the proxy"), "{notes:?}");
}

#[test]
fn a_server_must_be_named_and_believed() {
    // Another host of the same authority, with a certificate of its own, is no server of the organisation.
    let server = Signer::new("/DC=org/CN=web", 8);
    let told = Script { server, issuer: "/DC=org/CN=web", ..Script::new() }.aside();
    assert_eq!(told, "no .lsc file of the organisation names /DC=org/CN=web and /DC=org/CN=Root with its authority.");
    let server = Signer::new("/DC=org/CN=web", 8);
    let told = Script { server, ..Script::new() }.aside();
    assert_eq!(told, "they name /DC=org/CN=voms as their issuer and carry a certificate of another.");
    let told = Script { server_plan: Plan { to: NOW - 400, ..Plan::user() }, ..Script::new() }.aside();
    assert!(told.starts_with("The certificate /DC=org/CN=voms ended on"), "{told}");
    let told = Script { server_plan: Plan::with(&[key_usage(0x20)]), ..Script::new() }.aside();
    assert_eq!(told, "the certificate of /DC=org/CN=voms is not made for signing.");
}

#[test]
fn a_revoked_server_signs_nothing() {
    let mut script = Script::new();
    let list = script.cast.root.revoke(&[9], NOW - 60, NOW + 60, &[]);
    script.source.revocation_lists = vec![named("authority.r0", list)];
    assert_eq!(script.aside(), "The certificate /DC=org/CN=voms was revoked by /DC=org/CN=Root.");
}

#[test]
fn a_server_kept_in_the_vomsdir() {
    let mut script = Script { embedded: false, ..Script::new() };
    script.source.organisations[0].lists.clear();
    assert_eq!(script.aside(), "its server's certificate is neither in them nor in the vomsdir.");
    let server = script.cast.root.certify(&script.server, &script.server_plan);
    script.source.organisations[0].certificates = vec![named("voms.pem", server)];
    assert_eq!(script.play().0.len(), 2);
}

#[test]
fn attributes_for_certain_hosts_only() {
    let targets = extension("2.5.29.55", true, b"\x30\x00");
    let told = Script { extensions: vec![targets], ..Script::new() }.aside();
    assert_eq!(told, "they have a critical extension that is not known here (2.5.29.55).");
}

/// Whoever made the proxy nearest to the leaf may have left groups away on purpose.
#[test]
fn a_later_proxy_narrows() {
    let script = Script::new();
    let narrow = Script { names: &["/testvo/Role=NULL/Capability=NULL"], ..Script::new() };
    let second = Signer::new("/DC=org/CN=Alice/CN=1/CN=2", 5);
    let list = sequence(&[&sequence(&[&narrow.attributes()])]);
    let plan = Plan::with(&[proxy_info(None, INHERIT_ALL), extension("1.3.6.1.4.1.8005.100.100.5", false, &list)]);
    let wide = script.proxy_with(&[script.attributes()]);
    let chain = [script.cast.proxy.certify(&second, &plan), wide.clone(), script.cast.user_certificate()];
    assert_eq!(accepted(&chain, &script.source).identity.groups.len(), 1);
    // One without attributes keeps those below it.
    let chain = [script.cast.proxy.certify(&second, &Plan::proxy()), wide.clone(), script.cast.user_certificate()];
    assert_eq!(accepted(&chain, &script.source).identity.groups.len(), 2);
    // An independent one has none.
    let independent = Plan::with(&[proxy_info(None, "1.3.6.1.5.5.7.21.2")]);
    let chain = [script.cast.proxy.certify(&second, &independent), wide, script.cast.user_certificate()];
    assert_eq!(accepted(&chain, &script.source).identity.groups.len(), 0);
}

#[test]
fn several_organisations_and_broken_ones() {
    let script = Script::new();
    let mut source = script.source.clone();
    source
        .organisations
        .push(crate::x509::VomsSource { organisation: "two".to_owned(), ..script.source.organisations[0].clone() });
    let two = Script { origin: "two://x", names: &["/two"], ..Script::new() };
    let chain = [script.proxy_with(&[script.attributes(), two.attributes()]), script.cast.user_certificate()];
    assert_eq!(accepted(&chain, &source).identity.groups.len(), 3);
    let chain = [script.proxy_with(&[b"\x30\x03\x02\x01\x01".to_vec()]), script.cast.user_certificate()];
    let judged = accepted(&chain, &source);
    assert!(judged.identity.groups.is_empty() && judged.notes[0].contains("cannot be read"), "{:?}", judged.notes);
    let many = vec![script.attributes(); 9];
    let chain = [script.proxy_with(&many), script.cast.user_certificate()];
    assert!(accepted(&chain, &source).identity.groups.is_empty());
}
