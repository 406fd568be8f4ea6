use super::*;
use proptest::prelude::*;

/// Takes little at a time, as a socket with a bound does.
struct Taker {
    taken: Vec<u8>,
    left: usize,
}

impl Outgoing for Taker {
    fn push(&mut self, bytes: &Bytes, start: usize, end: usize) {
        self.taken.extend_from_slice(&bytes[start..end]);
        self.left = self.left.saturating_sub(end - start);
    }

    fn wants_more(&self) -> bool {
        self.left > 0
    }
}

fn room(after_seq: Option<u64>) -> Arc<Room> {
    Arc::new(Room {
        id: "r".parse().unwrap(),
        ring: Mutex::new(Ring::new(after_seq)),
    })
}

fn add(room: &Room, frames: &[(Option<Place>, Recipients, u8)]) {
    let mut bytes = Vec::new();
    let staged: Vec<Staged> = frames
        .iter()
        .map(|(place, recipients, mark)| {
            bytes.extend_from_slice(&[*mark; 2]);
            Staged {
                place: *place,
                recipients: recipients.clone(),
                end: bytes.len(),
            }
        })
        .collect();
    room.ring.lock().extend(&bytes.into(), staged.into_iter());
}

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    /// Frames that come together.
    Frames(Vec<Recipients>),
    Role(Option<Role>),
    Insert,
    Read(usize),
}

fn recipients() -> impl Strategy<Value = Recipients> {
    prop_oneof![
        4 => Just(Recipients::All),
        1 => Just(Recipients::Players),
        1 => Just(Recipients::Spectators),
        1 => Just(Recipients::User(user(1))),
        1 => Just(Recipients::User(user(2))),
        1 => Just(Recipients::Users([user(1), user(3)].into())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let role = prop_oneof![
        Just(None),
        Just(Some(Role::Player)),
        Just(Some(Role::Spectator))
    ];
    prop_oneof![
        4 => prop::collection::vec(recipients(), 1..5).prop_map(Step::Frames),
        1 => role.prop_map(Step::Role),
        1 => Just(Step::Insert),
        3 => (1_usize..8).prop_map(Step::Read),
    ]
}

proptest! {
    /// However the reading is cut, it is what a plain list would have given.
    #[test]
    fn a_follow_reads_what_was_for_it_in_order(steps in prop::collection::vec(step(), 0..60)) {
        let room = room(Some(0));
        let mut follow = Follow::from(room.clone(), 0, Role::Player);
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        let (mut role, mut next, mut mark) = (Some(Role::Player), 0_u64, 0_u8);
        for step in steps {
            match step {
                Step::Frames(all) => {
                    let mut frames = Vec::new();
                    for recipients in all {
                        mark = mark.wrapping_add(1);
                        if role.is_some_and(|role| recipients.include(user(1), role)) {
                            expected.extend_from_slice(&[mark; 2]);
                        }
                        next += 1;
                        frames.push((Some(Place::at(next)), recipients, mark));
                    }
                    add(&room, &frames);
                }
                Step::Role(to) => {
                    role = to;
                    follow.change_role(next, to);
                }
                // A gateway inserts only for users in the room.
                Step::Insert if role.is_some() => {
                    mark = mark.wrapping_add(1);
                    expected.extend_from_slice(&[mark; 3]);
                    follow.insert(next, vec![mark; 3].into());
                }
                Step::Insert => {}
                Step::Read(left) => {
                    let mut taker = Taker { taken: Vec::new(), left };
                    follow.read(user(1), &mut taker).unwrap();
                    got.extend(taker.taken);
                }
            }
        }
        let mut taker = Taker { taken: Vec::new(), left: usize::MAX };
        follow.read(user(1), &mut taker).unwrap();
        got.extend(taker.taken);
        prop_assert_eq!(got, expected);
        prop_assert_eq!(follow.behind(), 0);
        prop_assert_eq!(follow.role_at_end(), role);
        prop_assert_eq!(follow.is_over(), role.is_none());
    }

    /// Who resumes either gets all that a plain list has behind that number, or is told that it cannot be.
    #[test]
    fn a_ring_resumes_exactly_or_not_at_all(
        begun in 0_u64..3,
        wide in prop::collection::vec(any::<bool>(), 0..40),
        kept_max in 0_usize..2_000,
        seen in 0_u64..45,
    ) {
        let room = room(Some(begun));
        let (mut seq, mut all) = (begun, Vec::new());
        for (mark, wide) in (0..).zip(&wide) {
            seq += u64::from(*wide);
            let place = if *wide { Place::at(seq) } else { Place::behind(seq) };
            all.push((*wide, seq, mark));
            add(&room, &[(Some(place), Recipients::All, mark)]);
            room.ring.lock().trim(kept_max);
        }
        let index = room.ring.lock().index_behind(seen);
        if let Some(index) = index {
            let missed: Vec<u8> = all
                .iter()
                .filter(|(wide, at, _)| if *wide { *at > seen } else { *at >= seen })
                .flat_map(|(_, _, mark)| [*mark; 2])
                .collect();
            let mut follow = Follow::from(room, index, Role::Player);
            let mut taker = Taker { taken: Vec::new(), left: usize::MAX };
            prop_assert_eq!(follow.read(user(1), &mut taker), Ok(()));
            prop_assert_eq!(taker.taken, missed);
            prop_assert!(seen > begun);
        } else if kept_max >= 1_999 {
            // Nothing was forgotten: only what may have been before the beginning cannot be told.
            prop_assert!(seen <= begun || wide.len() * ENTRY_BYTES > 1_900);
        }
    }
}

#[test]
fn a_reader_that_was_overtaken_is_told() {
    let room = room(Some(0));
    let mut follow = Follow::from(room.clone(), 0, Role::Player);
    for seq in 1..=3 {
        add(&room, &[(Some(Place::at(seq)), Recipients::All, 7)]);
    }
    assert_eq!(follow.behind(), 6);
    room.ring.lock().trim(2 * (ENTRY_BYTES + 2));
    let mut taker = Taker {
        taken: Vec::new(),
        left: usize::MAX,
    };
    assert_eq!(follow.read(user(1), &mut taker), Err(Overtaken));
    assert_eq!(follow.behind(), u64::MAX);
}

#[test]
fn without_numbers_nothing_is_resumed_until_one_comes() {
    let room = room(None);
    add(&room, &[(None, Recipients::All, 1)]);
    assert_eq!(room.ring.lock().index_behind(0), None);
    assert_eq!(room.ring.lock().index_behind(5), None);
    add(&room, &[(Some(Place::at(5)), Recipients::All, 2)]);
    add(&room, &[(Some(Place::at(6)), Recipients::All, 3)]);
    assert_eq!(room.ring.lock().index_behind(4), None);
    assert_eq!(room.ring.lock().index_behind(5), Some(2));
    room.ring.lock().incomplete_before(9);
    assert_eq!(room.ring.lock().index_behind(8), None);
}

#[test]
fn what_comes_after_the_end_does_not_overtake_what_is_still_to_be_read() {
    let room = room(None);
    let mut follow = Follow::from(room.clone(), 0, Role::Player);
    add(&room, &[(Some(Place::at(1)), Recipients::All, b'a')]);
    follow.change_role(1, None);
    let mut taker = Taker {
        taken: Vec::new(),
        left: usize::MAX,
    };
    assert_eq!(follow.insert_last(1, Bytes::from_static(b"x")), None);
    // Others go on; this one has left.
    add(&room, &[(Some(Place::at(2)), Recipients::All, b'b')]);
    assert_eq!(follow.insert_last(2, Bytes::from_static(b"y")), None);
    follow.read(user(1), &mut taker).unwrap();
    assert_eq!(taker.taken, b"aaxy");
    assert!(follow.is_over());
    let late = Bytes::from_static(b"z");
    assert_eq!(follow.insert_last(2, late.clone()), Some(late));
}
