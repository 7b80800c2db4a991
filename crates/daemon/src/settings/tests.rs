//! Whole outputs: what a wrong file is told, and that sample, reference and parser agree.

use super::*;
use crate::golden;

fn findings(text: &str) -> String {
    match Settings::parse(text, Path::new("portolan.toml")) {
        Ok(settings) => format!("no findings: {settings:?}"),
        Err(findings) => findings.to_string(),
    }
}

#[test]
fn every_problem_is_told_at_once_with_its_place_and_what_to_write() {
    let text = r#"data_dirr = "/x"
upload_lifetime = "1 d"

[listen]
adress = "127.0.0.1:1"
tls = "yes"
key = "k.pem"

[listen.plain]

[limits]
connections = 0
header_time = 30
drain_time = "30"
header_size = "1 GiB"
file_size = "3 furlongs"
zzz = 1

[archive]
engine = "postgres"

[[namespace]]
prefix = "survey"
digests = ["adler32", "sha1"]
anonymous = "write"

[[namespace]]
prefix = "/a"
store = "s"

[[namespace]]
prefix = "/a/"
store = "s"

[responder]
turns = "share"
uplink = "10"

[responder.budget]
keeper = "dtn1"
name = "our uplink"

[log]
level = "warning"
format = 7

[stagin]
"#;
    let expected = "\
portolan.toml:1:1: there is no setting 'data_dirr' at the top; write 'data_dir'
portolan.toml:2:1: there is no setting 'upload_lifetime' at the top; it belongs in [staging]
portolan.toml:5:1: there is no setting 'adress' in [listen]; write 'address'
portolan.toml:6:7: 'tls' is a text; write true or false
portolan.toml:7:7: 'key' needs 'certificate' beside it; add 'certificate', or remove 'key'
portolan.toml:9:1: listen.plain has no 'address'; add `address = \"127.0.0.1:8080\"`
portolan.toml:12:15: 'connections' is out of range (0); write 1 to 1000000
portolan.toml:13:15: 'header_time' is a bare number; write a time with its unit, as \"30 s\"
portolan.toml:14:14: 'drain_time' cannot be \"30\": '30' has no unit; write one of ns, us, ms, s, min, h, d; write a time with its unit, as \"30 s\"
portolan.toml:15:15: 'header_size' is out of range (1.07 GB); write 8.19 kB to 1.05 MB
portolan.toml:16:13: 'file_size' cannot be \"3 furlongs\": 'furlongs' is not a unit here; write one of B, kB, MB, GB, TB, PB, KiB, MiB, GiB, TiB; write a size with its unit, as \"64 KiB\"
portolan.toml:17:1: there is no setting 'zzz' in [limits]; known here: connections, header_time, header_size, http2_streams, http2_stream_window, http2_connection_window, file_size, stall_time, sender_rate, drain_time, failed_sign_ins
portolan.toml:20:10: 'engine' cannot be \"postgres\"; write \"postgresql\"
portolan.toml:22:1: this [[namespace]] has no 'store'; add `store = \"/data/survey\"`
portolan.toml:23:10: 'prefix' cannot be \"survey\": the path does not begin with '/'; write a path such as \"/\" or \"/survey\"
portolan.toml:24:11: 'digests' is wrong: 'sha1' is not one of adler32, crc32c, md5, sha-256; remove it, or write one of these
portolan.toml:25:13: 'anonymous' cannot be \"write\"; write one of none, read
portolan.toml:32:10: the prefix /a is given twice; give each namespace its own
portolan.toml:33:9: the store s is given twice; give each namespace its own
portolan.toml:35:1: responder has no 'listen'; add `listen = \"[::]:5201\"`
portolan.toml:36:9: 'turns' cannot be \"share\"; write \"shared\"
portolan.toml:37:10: 'uplink' cannot be \"10\": '10' has no unit; write one of bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s; write a rate with its unit, as \"8 kbit/s\"
portolan.toml:40:10: 'keeper' cannot be \"dtn1\": there is no port; write a host and a port, as \"dtn1.example.org:5201\"
portolan.toml:41:8: 'name' cannot be \"our uplink\": it is no such name; write 1 to 64 letters, digits, '-', '_' or '.'
portolan.toml:44:9: 'level' cannot be \"warning\"; write \"warn\"
portolan.toml:45:10: 'format' is a bare number; write a text in quotes
portolan.toml:47:2: there is no setting 'stagin' at the top; write 'staging'";
    assert_eq!(findings(text), expected);
}

#[test]
fn what_is_not_toml_is_told_by_line_too() {
    let told = findings("data_dir = \"/x\n[listen]\n");
    assert!(told.starts_with("portolan.toml:1:15: this is not TOML: "), "{told}");
    assert_eq!(
        findings("listen = 3"),
        "portolan.toml:1:10: 'listen' is a section; write [listen] on a line of its own, and its settings below"
    );
}

#[test]
fn the_sample_changes_nothing_and_all_of_it_can_be_uncommented() {
    let sampled = Settings::parse(&sample(), Path::new("/etc/portolan.toml")).map_err(|f| f.to_string());
    assert_eq!(sampled, Ok(Settings::built_in()));
    // Everything set at once contradicts itself in one point only: an address of a database that the engine has no use for.
    let told = findings(&reference::sample_uncommented());
    assert!(told.contains("'url' means nothing to 'sqlite'") && told.lines().count() == 1, "{told}");
}

#[test]
fn every_default_is_of_its_own_form() {
    let mut settings = Settings::built_in();
    settings.namespaces.push(Namespace::unset());
    for section in list::SECTIONS {
        for setting in section.settings {
            let (list::Absent::Is(value) | list::Absent::Means(_, value) | list::Absent::Required(value)) =
                setting.absent;
            assert!(parse::apply_text(&mut settings, setting, value), "[{}] {} = {value}", section.name, setting.key);
        }
    }
    // But for what has no default: an example was set.
    let defaults = Namespace { store: PathBuf::new(), embargo: None, ..settings.namespaces[0].clone() };
    assert_eq!(defaults, Namespace::unset());
}

#[test]
fn paths_start_from_the_folder_of_the_file_and_the_command_line_wins() {
    let text = "data_dir = \"data\"\n[[namespace]]\nprefix = \"/\"\nstore = \"/abs\"\n";
    let settings = Settings::parse(text, Path::new("/etc/portolan/p.toml")).expect("good settings");
    assert_eq!(settings.data_dir, Path::new("/etc/portolan/data"));
    assert_eq!(settings.namespaces[0].store, Path::new("/abs"));
    assert_eq!(settings.staging_dir(), Path::new("/etc/portolan/data/staging"));
    let overrides = Overrides { data_dir: Some("/other".into()), anonymous_read: true, ..Overrides::default() };
    let settings = settings.with(&overrides);
    assert_eq!(settings.data_dir, Path::new("/other"));
    assert_eq!(settings.namespaces[0].anonymous, Anonymous::Read);
    assert_eq!(settings.namespaces[0].store, Path::new("/abs"));
}

#[test]
fn nothing_is_open_by_default_and_clear_text_on_the_network_is_warned_of() {
    let built_in = Settings::built_in();
    assert!(built_in.listen.tls && built_in.listen.address.ip().is_loopback() && built_in.listen.plain.is_none());
    assert!(built_in.namespaces_or_default().iter().all(|namespace| namespace.anonymous == Anonymous::Nothing));
    assert!(built_in.warnings().is_empty());
    let open =
        built_in.with(&Overrides { plain: Some("0.0.0.0:80".parse().expect("an address")), ..Overrides::default() });
    assert_eq!(open.warnings().len(), 1);
}

#[test]
fn reference_page_is_current() {
    golden::check("docs/reference/settings.md", &reference_markdown());
}
