use std::net::IpAddr;

use super::*;
use crate::domain::testing::World;
use crate::env::SeededRng;
use crate::platform::vault::generate;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

fn throttle() -> Throttle {
    with_slots(Options::default().slots)
}

fn with_slots(slots: u32) -> Throttle {
    Throttle::new(&Vault::open(&generate(&SeededRng::new(1))).unwrap(), Options { slots })
}

fn seconds(seconds: Seconds) -> Duration {
    Duration::from_secs(seconds.into())
}

fn admit(throttle: &Throttle, ip: IpAddr, now: Duration) -> Result<Attempt> {
    throttle.admit(AttemptKind::Password, "ada@example.com", Network::of(ip), false, now)
}

fn counters(throttle: &Throttle) -> Vec<Counter> {
    let state = lock(&throttle.state);
    let slots = (0..TABLES).flat_map(|table| (0..throttle.slots).map(move |slot| (table, slot)));
    slots.map(|(table, slot)| state.get(table, slot)).collect()
}

#[test]
fn each_failure_beyond_the_fifth_doubles_the_wait() {
    let throttle = throttle();
    let mut now = seconds(10);
    for _ in 0..FREE {
        let _ = admit(&throttle, HERE, now).unwrap().failed();
    }
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        let refused = admit(&throttle, HERE, now).err().unwrap();
        assert_eq!((refused.code, refused.retry_after_seconds), (Code::LockedOut, Some(wait.into())));
        now += seconds(wait);
        let _ = admit(&throttle, HERE, now).unwrap().failed();
    }
    now += seconds(FORGET);
    let _ = admit(&throttle, HERE, now).unwrap().failed();
    admit(&throttle, HERE, now).unwrap().succeeded();
}

#[test]
fn an_attack_from_other_networks_does_not_lock_out_the_owner() {
    let throttle = throttle();
    for host in 0..=255 {
        let ip = IpAddr::from([198, 51, host, 7]);
        while let Ok(attempt) = admit(&throttle, ip, seconds(10)) {
            let _ = attempt.failed();
        }
    }
    admit(&throttle, HERE, seconds(10)).unwrap().succeeded();
    admit(&throttle, HERE, seconds(11)).unwrap().succeeded();
}

#[test]
fn fifty_guesses_at_once_are_no_more_than_five_one_by_one() {
    let throttle = throttle();
    let admitted: Vec<Attempt> = (0..50).filter_map(|_| admit(&throttle, HERE, seconds(10)).ok()).collect();
    assert_eq!(admitted.len(), FREE as usize);
    drop(admitted);
    admit(&throttle, HERE, seconds(10)).unwrap().succeeded();
    let trusted = (0..50).filter_map(|_| admit(&throttle, HERE, seconds(11)).ok()).collect::<Vec<_>>();
    assert_eq!(trusted.len(), 50, "a caller who was right before may do many things at once");
}

#[test]
fn one_network_over_many_accounts_is_slowed_and_so_is_one_site() {
    let flood = |address: fn(u32) -> IpAddr| {
        let throttle = throttle();
        let passed = (0..5_000_u32).filter(|&n| {
            let attempt = throttle.admit(
                AttemptKind::Password,
                &format!("user{n}"),
                Network::of(address(n)),
                false,
                seconds(10),
            );
            attempt.map(Attempt::failed).is_ok()
        });
        let passed = passed.count() as u32;
        assert!(throttle.admit(AttemptKind::Password, "ada", Network::of(THERE), false, seconds(10)).is_ok());
        assert!(
            throttle.admit(AttemptKind::Password, "ada", Network::of(address(0)), false, seconds(21)).is_ok()
        );
        passed
    };
    assert_eq!(flood(|_| HERE), AttemptKind::Password.free_of_network());
    let in_one_site = |n| std::net::Ipv6Addr::from(0x2001_0db8_0007 << 80 | u128::from(n % 256) << 72).into();
    assert_eq!(flood(in_one_site), AttemptKind::Password.free_of_network() * SITE);
}

#[test]
fn the_owner_is_notified_once_an_hour() {
    let throttle = throttle();
    let mut notices = 0;
    for host in 0..40 {
        if let Ok(attempt) = admit(&throttle, IpAddr::from([198, 51, host, 7]), seconds(10)) {
            notices += u32::from(attempt.failed());
        }
    }
    assert_eq!(notices, 1);
}

#[test]
fn a_stolen_password_gives_no_botnet_of_code_guesses() {
    let throttle = throttle();
    let guess = |ip, known| throttle.admit(AttemptKind::Code, "usr_1", Network::of(ip), known, seconds(10));
    for host in 0..ATTACK as u8 {
        let _ = guess(IpAddr::from([198, 51, host, 7]), false).unwrap().failed();
    }
    assert!(guess(THERE, false).is_err());
    guess(HERE, true).unwrap().succeeded();
}

/// This number of guesses evicted an account's counter from the former bounded cache.
#[test]
fn three_hundred_thousand_invented_addresses_set_no_lock_back() {
    let throttle = throttle();
    for _ in 0..AttemptKind::Password.free_of_network() {
        let spread = throttle.admit(AttemptKind::Password, "x", Network::of(THERE), false, seconds(10));
        if let Ok(attempt) = spread {
            let _ = attempt.failed();
        }
        let filler = throttle.admit(
            AttemptKind::Password,
            "y",
            Network::of(IpAddr::from([10, 0, 0, 1])),
            false,
            seconds(10),
        );
        drop(filler);
    }
    let locked = |throttle: &Throttle| {
        (0..12)
            .map(|_| throttle.admit(AttemptKind::Code, "usr_1", Network::of(HERE), true, seconds(10)))
            .filter_map(|attempt| attempt.map(Attempt::failed).err())
            .filter_map(|error| error.retry_after_seconds)
            .max()
    };
    let wait = locked(&throttle).unwrap();
    // The network of the flood is already locked out.
    for n in 0..AttemptKind::Code.free_of_network() * 2 {
        if let Ok(attempt) =
            throttle.admit(AttemptKind::Code, &format!("usr_x{n}"), Network::of(THERE), false, seconds(10))
        {
            let _ = attempt.failed();
        }
    }
    let before = counters(&throttle);
    for n in 0..300_000_u32 {
        let invented = format!("nobody{n}@example.com");
        assert!(
            throttle.admit(AttemptKind::Code, &invented, Network::of(THERE), false, seconds(10)).is_err()
        );
    }
    assert_eq!(counters(&throttle), before, "a refused attempt changes nothing");
    let refused =
        throttle.admit(AttemptKind::Code, "usr_1", Network::of(HERE), true, seconds(10)).err().unwrap();
    assert_eq!(refused.retry_after_seconds, Some(wait));
}

/// With four counters per table everything collides: fewer guesses pass, never more.
#[test]
fn a_collision_lengthens_waits_and_never_shortens_one() {
    for victim in 0..50 {
        let (alone, crowded) = (throttle(), with_slots(4));
        let name = format!("victim{victim}@example.com");
        let guess = |throttle: &Throttle, now: Duration| {
            let attempt = throttle.admit(AttemptKind::Password, &name, Network::of(HERE), false, now);
            u32::from(attempt.map(Attempt::failed).is_ok())
        };
        let (mut passed_alone, mut passed_crowded) = (0, 0);
        for round in 0..200_u32 {
            let now = seconds(10 + round * 7);
            passed_alone += guess(&alone, now);
            passed_crowded += guess(&crowded, now);
            // Other accounts sign in during the attack, some of them successfully.
            for n in 0..20 {
                let ip = IpAddr::from([198, 51, n, 7]);
                let other = format!("other{n}@example.com");
                match crowded.admit(AttemptKind::Password, &other, Network::of(ip), false, now) {
                    Ok(attempt) if n % 2 == 0 => attempt.succeeded(),
                    Ok(attempt) => {
                        let _ = attempt.failed();
                    }
                    Err(_) => {}
                }
            }
            assert!(passed_crowded <= passed_alone, "{name} at {now:?}: {passed_crowded} of {passed_alone}");
        }
        assert!(passed_alone > 5);
    }
}

#[tokio::test]
async fn a_restart_keeps_every_wait() {
    let world = World::new().await;
    let throttle = &world.services.throttle;
    let guess = |throttle: &Throttle, ip| {
        let attempt = throttle.admit(
            AttemptKind::Password,
            "ada@example.com",
            Network::of(ip),
            false,
            world.services.clock.monotonic(),
        );
        attempt.map(Attempt::failed).err().and_then(|error| error.retry_after_seconds)
    };
    world.clock.advance(seconds(1_000));
    for wait in [None, None, None, None, None, Some(1)] {
        assert_eq!(guess(throttle, HERE), wait);
    }
    for _ in 0..4 {
        world.clock.advance(seconds(600));
        let _ = guess(throttle, HERE);
    }
    let wait = guess(throttle, HERE).unwrap();
    world.services.db.flush().await.unwrap();
    // The monotonic clock restarts at zero.
    world.clock.restart();
    let again = Throttle::new(&world.services.vault, Options::default());
    world.services.db.lookup(|conn| again.load(conn, world.services.clock.monotonic())).unwrap();
    let later = guess(&again, HERE).unwrap();
    assert!(later <= wait && later + 2 >= wait, "{wait} before, {later} after");
    assert_eq!(guess(&again, THERE), None);
    // Expired counters are removed from the store, others are not.
    let rows =
        || world.services.db.lookup(|conn| conn.number("SELECT count(*) FROM login_throttle", &[])).unwrap();
    let before = rows();
    again.sweep(&world.services).await.unwrap();
    assert_eq!(rows(), before);
    world.clock.advance(seconds(2 * FORGET));
    let _ = guess(&again, THERE);
    again.sweep(&world.services).await.unwrap();
    assert_eq!(rows(), 1, "the clock stays");
}
