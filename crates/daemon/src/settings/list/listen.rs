//! `[listen]` and `[listen.plain]`: where to listen.

use super::Absent::{Is, Means, Required};
use super::Form::{Address, Boolean, Path, Texts};
use super::{Section, Setting};

pub(super) static SECTION: Section = Section {
    name: "listen",
    begin: None,
    harmless: true,
    doc: "Where to listen. Only this host can connect until an address of another interface is given.",
    settings: LISTEN,
};

pub(super) static PLAIN: Section = Section {
    name: "listen.plain",
    begin: None,
    harmless: false,
    doc: "A second address without TLS. On anything but loopback, tokens and files can be read on the way: a warning \
          is shown at each start.",
    settings: &[Setting {
        key: "address",
        doc: "IP address and port.",
        absent: Required("\"127.0.0.1:8080\""),
        form: Address(|s, v| s.listen.plain = Some(v)),
    }],
};

static LISTEN: &[Setting] = &[
    Setting {
        key: "address",
        doc: "IP address and port. Port 0 lets the system choose.",
        absent: Is("\"127.0.0.1:8443\""),
        form: Address(|s, v| s.listen.address = v),
    },
    Setting {
        key: "tls",
        doc: "Speak TLS 1.2 and 1.3 there. When false, the warning of `[listen.plain]` applies.",
        absent: Is("true"),
        form: Boolean(|s, v| s.listen.tls = v),
    },
    Setting {
        key: "certificate",
        doc: "The certificate of this host with its chain, in PEM.",
        absent: Means(
            "a private authority and a host certificate are made in `tls` in the data directory",
            "\"/etc/grid-security/hostcert.pem\"",
        ),
        form: Path(|s, v| s.listen.certificate = Some(v)),
    },
    Setting {
        key: "key",
        doc: "The private key of that certificate, in PEM.",
        absent: Means("see `certificate`", "\"/etc/grid-security/hostkey.pem\""),
        form: Path(|s, v| s.listen.key = Some(v)),
    },
    Setting {
        key: "names",
        doc: "Further host names and addresses for the certificate that we make; those of this host, `localhost` and the \
              listening address are in it anyway.",
        absent: Is("[]"),
        form: Texts(|s, v| s.listen.names = v),
    },
];
