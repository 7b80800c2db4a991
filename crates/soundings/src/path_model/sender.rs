//! The stream: paced, in bursts, or as fast as it goes, with the kernel's account of each part.

use super::session::{Session, lost};
use crate::doctor::Roots;
use soundings_core::path_model::{Bursts, Fill, Outcome, Sequential, Steady, Target};
use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use terms::{Problem, TcpInfo};

/// Sends on one connection.
pub(super) struct Sender<'a> {
    stream: TcpStream,
    session: &'a Session,
    target: Target,
    block: Vec<u8>,
    sent_bytes: u64,
    told: Instant,
}

/// The account of a part: from its beginning, with the largest round-trip time that was seen.
struct Part {
    begun: Instant,
    before: TcpInfo,
    processor: Duration,
    rtt_most: Option<Duration>,
    looked: Instant,
}

impl<'a> Sender<'a> {
    /// Blocks are so small that the stream is looked at often.
    pub(super) fn new(stream: TcpStream, session: &'a Session, target: Target) -> Self {
        let bytes = (target.rate().0 / 8 / BLOCKS_PER_SECOND).clamp(target.payload_bytes().into(), BLOCK_BYTES);
        let block = vec![0; usize::try_from(bytes).unwrap_or(0)];
        Self { stream, session, target, block, sent_bytes: 0, told: Instant::now() }
    }

    /// What the kernel says now.
    pub(super) fn look(&self) -> TcpInfo {
        net::tcp_info(&self.stream).unwrap_or_default()
    }

    /// How large the kernel lets our send buffer become.
    pub(super) fn buffer_most(&self) -> Option<u64> {
        Roots::default().three("net.ipv4.tcp_wmem").map(|[_, _, most]| most)
    }

    /// At the rate, evenly. It ends early when the losses tell enough.
    pub(super) fn steady(&mut self, warm_up: Duration, longest: Duration) -> Result<Steady, Problem> {
        let target = self.target;
        // Pacing counts headers; half a percent more lets the data itself reach the rate.
        let with_headers = f64::from(target.mtu_bytes()) / f64::from(target.payload_bytes()) * 1.005;
        self.pace(Some((target.rate().0 as f64 * with_headers) as u64))?;
        let until = Instant::now() + warm_up;
        while Instant::now() < until {
            self.give(self.block.len())?;
        }
        let test = Sequential::new(target.run_length());
        let mut part = self.begin();
        let least = longest.min(STEADY_LEAST);
        while part.begun.elapsed() < longest {
            self.give(self.block.len())?;
            if self.watch(&mut part) && part.begun.elapsed() >= least {
                let (packets, losses) = part.counted(&self.look());
                if !matches!(test.decide(packets, losses), Outcome::Inconclusive { .. }) {
                    break;
                }
            }
        }
        let (elapsed, now) = (part.begun.elapsed(), self.look());
        let processor = processor_time().saturating_sub(part.processor);
        let share = |of: fn(&TcpInfo) -> Option<Duration>| {
            let part = of(&now)?.saturating_sub(of(&part.before)?);
            Some(part.as_secs_f64() / elapsed.as_secs_f64())
        };
        let busy = share(|info| info.busy);
        let starved = share(|info| info.send_buffer_limited);
        let (packets, losses) = part.counted(&now);
        Ok(Steady {
            elapsed,
            delivered_bits_per_second: part.delivered(&now, elapsed),
            packets,
            losses,
            sender_idle_share: busy.zip(starved).map(|(busy, starved)| (1.0 - busy + starved).clamp(0.0, 1.0)),
            receiver_limited_share: share(|info| info.receiver_limited),
            processor_share: Some(processor.as_secs_f64() / elapsed.as_secs_f64()),
        })
    }

    /// A window in each round-trip time of the target, at this rate or without pace.
    pub(super) fn bursts(&mut self, longest: Duration, rate: Option<u64>) -> Result<Bursts, Problem> {
        let target = self.target;
        self.settle();
        self.pace(rate)?;
        let test = Sequential::new(target.run_length());
        let bytes = target.window_packets() * u64::from(target.payload_bytes());
        let mut part = self.begin();
        let (mut bursts, mut rate_most) = (0, None);
        let mut next = Instant::now();
        // A section that is far too slow for a window would hold the first burst until the responder ends the test.
        let at_most = longest * 2 + target.rtt();
        'bursts: while part.begun.elapsed() < longest || bursts == 0 {
            let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
            while left > 0 {
                let given = left.min(self.block.len());
                self.give(given)?;
                left -= given;
                self.watch(&mut part);
                if part.begun.elapsed() > at_most {
                    break 'bursts;
                }
            }
            bursts += 1;
            next = (next + target.rtt()).max(Instant::now());
            while Instant::now() < next {
                thread::sleep(next.saturating_duration_since(Instant::now()).min(LOOK_EVERY));
                self.watch(&mut part);
                self.tell()?;
            }
            let now = self.look();
            rate_most = rate_most.max(now.delivery_rate.map(|rate| rate.saturating_mul(8)));
            let (packets, losses) = part.counted(&now);
            let decided = !matches!(test.decide(packets, losses), Outcome::Inconclusive { .. });
            if decided && bursts >= BURSTS_LEAST {
                break;
            }
        }
        self.settle();
        let (packets, losses) = part.counted(&self.look());
        Ok(Bursts {
            bursts,
            burst_packets: target.window_packets(),
            packets,
            losses,
            // In a paced burst it is the speed of single bundles.
            rate_bits_per_second: rate_most.filter(|_| rate.is_none()),
            rtt_most: part.rtt_most,
        })
    }

    /// As much as goes.
    pub(super) fn fill(&mut self, longest: Duration) -> Result<Fill, Problem> {
        self.pace(None)?;
        self.block = vec![0; usize::try_from(BLOCK_BYTES).unwrap_or(0)];
        let mut part = self.begin();
        while part.begun.elapsed() < longest {
            self.give(self.block.len())?;
            self.watch(&mut part);
        }
        let (elapsed, now) = (part.begun.elapsed(), self.look());
        let (packets, losses) = part.counted(&now);
        let delivered_bits_per_second = part.delivered(&now, elapsed);
        Ok(Fill { delivered_bits_per_second, rtt_most: part.rtt_most, packets, losses })
    }

    /// Ends the stream; how many bytes it carried.
    pub(super) fn finish(self) -> u64 {
        // The responder sees the end of the data; that it is gone already is no harm.
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        self.sent_bytes
    }

    /// Paces at a rate, or not at all; never beyond what the responder allows.
    fn pace(&self, bits_per_second: Option<u64>) -> Result<(), Problem> {
        let wanted = bits_per_second.unwrap_or(u64::MAX).min(self.session.allowed.unwrap_or(u64::MAX));
        let bytes = if wanted == u64::MAX { u64::MAX } else { (wanted / 8).max(1) };
        net::pace(&self.stream, bytes).map_err(|error| lost(&error))
    }

    fn give(&mut self, bytes: usize) -> Result<(), Problem> {
        let written = self.stream.write_all(&self.block[..bytes]);
        // What the responder says of it is the better reason.
        written.map_err(|error| self.session.refused().unwrap_or_else(|| lost(&error)))?;
        self.sent_bytes += bytes as u64;
        self.tell()
    }

    fn tell(&mut self) -> Result<(), Problem> {
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            self.session.progress(self.sent_bytes)?;
        }
        Ok(())
    }

    /// Waits until all that was given has arrived, so that one part does not count for the next.
    fn settle(&self) {
        let until = Instant::now() + SETTLE_MOST;
        while Instant::now() < until {
            let now = self.look();
            // The cookie and the number were sent before.
            let arrived = now.acknowledged_bytes.is_some_and(|bytes| bytes >= self.sent_bytes);
            if arrived && now.unsent_bytes == Some(0) {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn begin(&self) -> Part {
        let now = Instant::now();
        Part { begun: now, before: self.look(), processor: processor_time(), rtt_most: None, looked: now }
    }

    /// Looks at the round-trip time, now and then; true when it was looked.
    fn watch(&self, part: &mut Part) -> bool {
        if part.looked.elapsed() < LOOK_EVERY {
            return false;
        }
        part.looked = Instant::now();
        part.rtt_most = part.rtt_most.max(Some(self.look().rtt));
        true
    }
}

impl Part {
    /// Packets sent since the beginning, and how many of them were lost or marked. One that was sent again although it had
    /// arrived (the receiver says so) was not lost.
    fn counted(&self, now: &TcpInfo) -> (u64, u64) {
        let grown = |of: fn(&TcpInfo) -> u64| of(now).saturating_sub(of(&self.before));
        let again = grown(|info| info.retransmits.into());
        let twice = grown(|info| info.duplicates.unwrap_or(0).into());
        let marked = grown(|info| info.congestion_marks.unwrap_or(0).into());
        (grown(|info| info.data_segments_sent.unwrap_or(0)), again.saturating_sub(twice) + marked)
    }

    fn delivered(&self, now: &TcpInfo, elapsed: Duration) -> u64 {
        let bytes = now.acknowledged_bytes.unwrap_or(0).saturating_sub(self.before.acknowledged_bytes.unwrap_or(0));
        (bytes as f64 * 8.0 / elapsed.as_secs_f64().max(1e-9)) as u64
    }
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Fine enough to see a queue fill on a short section, and cheap.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// The responder gives up who is silent for ten of them.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Before it a rate is not believed, whatever was lost.
const STEADY_LEAST: Duration = Duration::from_secs(2);
/// Fewer bursts than these are no series.
const BURSTS_LEAST: u64 = 10;
/// Retransmissions of the last packet take some round trips.
const SETTLE_MOST: Duration = Duration::from_secs(1);
/// Large enough for the fastest, as iperf3's.
const BLOCK_BYTES: u64 = 1 << 17;
/// Gifts to the kernel in a second.
const BLOCKS_PER_SECOND: u64 = 200;
