use super::queueing::take;
use super::{QueueDiscipline, name_of, offloads, queue_disciplines, ring, source_for};

/// A message as the kernel sends it: a shaper of 1 MB/s on interface 7 that dropped 5 packets, and the end of the list.
fn shaper() -> Vec<u8> {
    let attribute = |kind: u16, value: &[u8]| {
        let mut bytes = Vec::new();
        bytes.extend((value.len() as u16 + 4).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().div_ceil(4) * 4, 0);
        bytes
    };
    let numbers = |list: &[u32]| list.iter().flat_map(|number| number.to_ne_bytes()).collect::<Vec<u8>>();
    let mut message = numbers(&[0, 7, 0, 0xffff_ffff, 0]);
    message.extend(attribute(1, b"tbf\0"));
    message.extend(attribute(2, &attribute(1, &numbers(&[0, 0, 1_000_000, 0, 0, 0, 0, 0, 0]))));
    message.extend(attribute(7, &attribute(3, &numbers(&[0, 0, 5, 0, 9]))));
    let mut datagram = Vec::new();
    for (kind, body) in [(36_u16, message), (3, numbers(&[0]))] {
        datagram.extend((body.len() as u32 + 16).to_ne_bytes());
        datagram.extend(kind.to_ne_bytes());
        datagram.extend([0; 10]);
        datagram.extend(body);
    }
    datagram
}

#[test]
fn a_message_of_the_kernel_is_read() {
    let mut found = Vec::new();
    assert!(!take(&shaper(), &mut found).unwrap(), "the list has ended");
    let expected = QueueDiscipline {
        interface: 7,
        root: true,
        kind: "tbf".to_owned(),
        drops: Some(5),
        overlimits: Some(9),
        rate_bytes_per_second: Some(1_000_000),
    };
    assert_eq!(found, [expected]);
}

#[test]
fn a_message_cut_anywhere_does_no_harm() {
    let whole = shaper();
    for len in 0..whole.len() {
        let mut found = Vec::new();
        let _ = take(&whole[..len], &mut found);
        assert!(found.len() <= 1);
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let _ = take(&damaged, &mut Vec::new());
    }
}

#[test]
fn this_kernel_tells_of_its_loopback() {
    // Loopback has no ring and, as a rule, no queue; what must hold is that asking works.
    assert!(queue_disciplines().is_ok());
    assert!(offloads("lo").unwrap().generic_receive.is_some());
    assert!(ring("lo").is_err());
    assert!(offloads("there-is-no-interface-of-this-name").unwrap().segmentation.is_none());
}

#[test]
fn an_address_of_documentation_has_no_name() {
    // 192.0.2.1 (RFC 5737) has no name anywhere; without a resolver there is an error instead, and never a name.
    assert!(!matches!(name_of("192.0.2.1".parse().unwrap()), Ok(Some(_))));
}

#[test]
fn calls_to_this_host_come_from_this_host() {
    let own = source_for("127.0.0.1:9".parse().unwrap()).unwrap();
    assert!(own.is_loopback(), "{own}");
}
