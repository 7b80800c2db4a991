use super::*;

/// An RTM_NEWADDR as `linux/rtnetlink.h` and `linux/if_addr.h` lay it out, on a little-endian machine.
#[test]
#[cfg(target_endian = "little")]
fn a_message_is_laid_out_as_the_kernel_reads_it() {
    let mut message = Message::new(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    message.put(&[AF_INET, 24, 0, 0]);
    message.put(&7_u32.to_ne_bytes());
    message.attribute(IFA_LOCAL, &octets("10.0.0.1".parse().unwrap()));
    message.attribute(99, &[1]);
    let expected: [u8; 40] = [
        40, 0, 0, 0, 20, 0, 0x05, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, // length, type, flags, sequence, port
        2, 24, 0, 0, 7, 0, 0, 0, // family, prefix length, flags, scope, index
        8, 0, 2, 0, 10, 0, 0, 1, // length and type of an attribute, and its value
        5, 0, 99, 0, 1, 0, 0, 0, // likewise; its length is without the zeros behind
    ];
    assert_eq!(message.finish(), expected);
}

#[test]
fn an_attribute_is_found_among_others_and_none_in_rubbish() {
    let mut message = Message { bytes: Vec::new() };
    message.attribute(1, &[9; 5]);
    message.attribute(23, &[1, 2, 3, 4]);
    assert_eq!(attribute(&message.bytes, 23), Some(&[1, 2, 3, 4][..]));
    assert_eq!(attribute(&message.bytes, 7), None);
    for end in 0..message.bytes.len() {
        assert_eq!(attribute(&message.bytes[..end], 23), None);
    }
    assert_eq!(attribute(&[0; 64], 23), None, "a length of 0 leads nowhere");
}
