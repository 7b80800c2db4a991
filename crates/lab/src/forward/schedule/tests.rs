use super::*;

fn packet() -> Rc<Packet> {
    // A note and one octet of IP: it is never looked at here.
    let bytes = vec![0; crate::tun::NOTE_BYTES + 1];
    let layout = Layout::of(&bytes).unwrap();
    Rc::new(Packet { length: bytes.len(), bytes, layout })
}

fn piece(packet: &Rc<Packet>, at_ms: u64, segments: Range<u32>) -> Piece {
    Piece { at: Duration::from_millis(at_ms), packet: packet.clone(), segments, corrupt: None }
}

fn taken(schedule: &mut Schedule, now_ms: u64) -> Vec<(u64, Range<u32>)> {
    std::iter::from_fn(|| schedule.take(Duration::from_millis(now_ms)))
        .map(|piece| (piece.at.as_millis() as u64, piece.segments))
        .collect()
}

#[test]
fn pieces_arrive_at_their_time_and_in_its_order() {
    let mut schedule = Schedule::default();
    let overtakes: Vec<bool> = [5, 7, 6, 9, 2].into_iter().map(|at| schedule.put(piece(&packet(), at, 0..1))).collect();
    assert_eq!(overtakes, [false, false, true, false, true]);
    assert_eq!(schedule.next_at(), Some(Duration::from_millis(2)));
    assert_eq!(taken(&mut schedule, 1), []);
    assert_eq!(taken(&mut schedule, 6), [(2, 0..1), (5, 0..1), (6, 0..1)]);
    assert_eq!(taken(&mut schedule, 60), [(7, 0..1), (9, 0..1)]);
    assert_eq!(schedule.next_at(), None);
}

#[test]
fn pieces_for_one_instant_keep_the_order_in_which_they_came() {
    let mut schedule = Schedule::default();
    for (number, at) in [(0, 3), (1, 5), (2, 3), (3, 3), (4, 5)] {
        schedule.put(piece(&packet(), at, number..number + 1));
    }
    let order: Vec<u32> = taken(&mut schedule, 5).into_iter().map(|(_, segments)| segments.start).collect();
    assert_eq!(order, [0, 2, 3, 1, 4]);
}

#[test]
fn pieces_of_one_packet_that_are_due_together_become_one() {
    let mut schedule = Schedule::default();
    let (one, other) = (packet(), packet());
    for (packet, at, segments) in
        [(&one, 1, 0..3), (&one, 2, 3..5), (&one, 3, 6..7), (&other, 4, 7..8), (&one, 9, 8..9)]
    {
        schedule.put(piece(packet, at, segments));
    }
    // The fifth segment is missing, the seventh is of another packet, the last is not due.
    assert_eq!(taken(&mut schedule, 5), [(1, 0..5), (3, 6..7), (4, 7..8)]);
    assert_eq!(taken(&mut schedule, 9), [(9, 8..9)]);
}

#[test]
fn a_wrong_bit_stays_in_its_segment() {
    let mut schedule = Schedule::default();
    let packet = packet();
    schedule.put(piece(&packet, 1, 0..1));
    schedule.put(Piece { corrupt: Some(77), ..piece(&packet, 1, 1..2) });
    schedule.put(piece(&packet, 1, 2..3));
    assert_eq!(taken(&mut schedule, 1), [(1, 0..1), (1, 1..2), (1, 2..3)]);
}
