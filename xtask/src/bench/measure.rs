//! One function, measured beside the floor.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;

use super::child::{Measured, Usage};
use super::feed::{BUCKET, Feed, deliver};
use super::figures::{Figures, median};
use super::stand_in::StandIn;
use crate::metadata::Function;
use crate::process::Ports;

/// Deliveries before memory is looked at.
const DELIVERIES: usize = 1_000;

/// Deliveries at a time.
const AT_ONCE: usize = 32;

/// Deliveries before CPU is counted: connections are open then, and pages are there.
const WARM: usize = 64;

/// Function and floor take turns; each turn of so many deliveries.
const TURNS: usize = 7;
const TURN: usize = 150;

/// The content of the floor's writes, like that of an object.
const CONTENT_BYTES: usize = 1_100;

/// Deliveries that a function takes to be measured, with `runs` starts.
pub(crate) fn deliveries(runs: usize) -> usize {
    runs + WARM_STARTS + 2 * DELIVERIES + 2 * (WARM + TURNS * TURN)
}

/// Starts that are not counted.
const WARM_STARTS: usize = 3;

/// What functions are measured in.
pub(crate) struct Bench<'a> {
    pub(crate) feed: &'a Feed,
    pub(crate) stand_in: &'a StandIn,
    pub(crate) floor: &'a Path,
    /// The root of the stand-in's certificate.
    pub(crate) root: &'a Path,
    /// Counted starts.
    pub(crate) runs: usize,
}

impl Bench<'_> {
    /// Measures `executable`, the binary of `function`.
    pub(crate) async fn measure(
        &self,
        function: &Function,
        executable: &Path,
        ports: &mut Ports,
    ) -> Result<Figures> {
        let (first, mut bodies) = self.feed.pushes(&function.metadata.fed_with);
        let needed = deliveries(self.runs);
        ensure!(bodies.len() >= needed, "{} deliveries, {needed} wanted", bodies.len());
        let mut figures = Figures { function: function.name.clone(), ..Figures::default() };
        let plain = self.feed.emulator.url();
        self.prepare(executable, &plain, first, ports).await?;
        self.memory(&mut figures, executable, &mut bodies, ports).await?;
        self.starts(&mut figures, executable, &mut bodies, ports)?;
        self.work(&mut figures, executable, &mut bodies, ports).await?;
        // What comes next is fed with what all of them have given.
        self.prepare(executable, &plain, bodies.into(), ports).await?;
        Ok(figures)
    }

    /// Has `executable` handle `bodies`, unmeasured.
    pub(crate) async fn prepare(
        &self,
        executable: &Path,
        storage: &str,
        bodies: Vec<Bytes>,
        ports: &mut Ports,
    ) -> Result<()> {
        let port = ports.free()?;
        let mut child = Measured::spawn(executable, port, &[], &self.variables(port, storage))?;
        child.listening()?;
        deliver(port, bodies, AT_ONCE).await.map(drop)
    }

    /// Starts function and floor in turn, each for one delivery: the floor that does nothing, and the
    /// one that makes the same requests.
    fn starts(
        &self,
        figures: &mut Figures,
        executable: &Path,
        bodies: &mut VecDeque<Bytes>,
        ports: &mut Ports,
    ) -> Result<()> {
        let [mut listening, mut first, mut listening_ratio, mut first_ratio] =
            [const { Vec::new() }; 4];
        let [mut cpu, mut cpu_ratio, mut same_ratio] = [const { Vec::new() }; 3];
        let [storage, tokens] = &self.stand_in.addresses;
        for run in 0..self.runs + WARM_STARTS {
            let body = next(bodies, 1)?.pop().context("no delivery")?;
            let port = ports.free()?;
            let floor =
                Measured::spawn(self.floor, port, &[port.to_string()], &[])?.first(&body)?;
            let port = ports.free()?;
            let mut arguments = self.floor_arguments(port, storage, figures);
            arguments.extend([tokens.clone(), self.root.display().to_string()]);
            let same = Measured::spawn(self.floor, port, &arguments, &[])?.first(&body)?;
            let port = ports.free()?;
            let variables = self.variables(port, &self.stand_in.storage);
            let start = Measured::spawn(executable, port, &[], &variables)?.first(&body)?;
            if run < WARM_STARTS {
                continue;
            }
            listening.push(start.listening.as_secs_f64() * 1e3);
            first.push(start.first.as_secs_f64() * 1e3);
            listening_ratio.push(start.listening.as_secs_f64() / floor.listening.as_secs_f64());
            first_ratio.push(start.first.as_secs_f64() / floor.first.as_secs_f64());
            same_ratio.push(start.first.as_secs_f64() / same.first.as_secs_f64());
            cpu.push(start.cpu.as_secs_f64() * 1e3);
            cpu_ratio.push(start.cpu.as_secs_f64() / same.cpu.as_secs_f64());
        }
        figures.listening_ms = median(&listening);
        figures.first_ms = median(&first);
        figures.listening_ratio = median(&listening_ratio);
        figures.first_ratio = median(&first_ratio);
        figures.first_same_ratio = median(&same_ratio);
        figures.start_cpu_ms = median(&cpu);
        figures.start_cpu_ratio = median(&cpu_ratio);
        Ok(())
    }

    /// Memory and threads, over TLS.
    async fn memory(
        &self,
        figures: &mut Figures,
        executable: &Path,
        bodies: &mut VecDeque<Bytes>,
        ports: &mut Ports,
    ) -> Result<()> {
        let port = ports.free()?;
        let variables = self.variables(port, &self.stand_in.storage);
        let mut child = Measured::spawn(executable, port, &[], &variables)?;
        child.listening()?;
        figures.idle_bytes = child.usage()?.resident_bytes;
        let before = self.feed.emulator.requests();
        deliver(port, next(bodies, DELIVERIES)?, 1).await?;
        let operations = self.feed.emulator.requests() - before;
        figures.reads = operations.class_b as f64 / DELIVERIES as f64;
        figures.writes = operations.class_a as f64 / DELIVERIES as f64;
        let one = child.usage()?;
        figures.resident_bytes = one.resident_bytes;
        deliver(port, next(bodies, DELIVERIES)?, AT_ONCE).await?;
        let many = child.usage()?;
        figures.peak_bytes = many.peak_bytes;
        figures.threads = one.threads.max(many.threads);
        Ok(())
    }

    /// CPU and rate over plain HTTP, function and floor in turn.
    async fn work(
        &self,
        figures: &mut Figures,
        executable: &Path,
        bodies: &mut VecDeque<Bytes>,
        ports: &mut Ports,
    ) -> Result<()> {
        let plain = self.feed.emulator.url();
        let (port, floor_port) = (ports.free()?, ports.free()?);
        let mut child = Measured::spawn(executable, port, &[], &self.variables(port, &plain))?;
        let host = plain.strip_prefix("http://").context("no HTTP")?;
        let arguments = self.floor_arguments(floor_port, host, figures);
        let mut floor = Measured::spawn(self.floor, floor_port, &arguments, &[])?;
        child.listening()?;
        floor.listening()?;
        for at_once in [1, AT_ONCE] {
            let warm = next(bodies, WARM)?;
            deliver(floor_port, warm.clone(), at_once).await?;
            deliver(port, warm, at_once).await?;
            let [mut cpu, mut cpu_ratio, mut rate, mut rate_ratio] = [const { Vec::new() }; 4];
            for _ in 0..TURNS {
                let turn = next(bodies, TURN)?;
                let bare = spent(&floor, floor_port, turn.clone(), at_once).await?;
                let ours = spent(&child, port, turn, at_once).await?;
                cpu.push(ours.0 / TURN as f64 * 1e3);
                cpu_ratio.push(ours.0 / bare.0);
                rate.push(TURN as f64 / ours.1);
                rate_ratio.push(bare.1 / ours.1);
            }
            let medians = [cpu, cpu_ratio, rate, rate_ratio].map(|values| median(&values));
            if at_once == 1 {
                [figures.cpu_s, figures.cpu_ratio, figures.rate, figures.rate_ratio] = medians;
            } else {
                [
                    figures.cpu_many_s,
                    figures.cpu_many_ratio,
                    figures.rate_many,
                    figures.rate_many_ratio,
                ] = medians;
            }
        }
        Ok(())
    }

    fn floor_arguments(&self, port: u16, host: &str, figures: &Figures) -> Vec<String> {
        let record = self.feed.record.replace('/', "%2F").replace(':', "%3A");
        vec![
            port.to_string(),
            host.to_owned(),
            format!("{:.0}", figures.reads),
            format!("/storage/v1/b/{BUCKET}/o/{record}?alt=media"),
            format!("{:.0}", figures.writes),
            format!("/upload/storage/v1/b/{BUCKET}/o?uploadType=multipart"),
            CONTENT_BYTES.to_string(),
        ]
    }

    fn variables(&self, port: u16, storage: &str) -> Vec<(String, String)> {
        let port = port.to_string();
        let all = [
            ("BUCKET", BUCKET),
            ("HOST", "127.0.0.1"),
            ("PORT", &port),
            ("STORAGE_EMULATOR_HOST", storage),
        ];
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

/// Seconds of CPU and of time that `child` takes for `bodies`.
async fn spent(
    child: &Measured,
    port: u16,
    bodies: Vec<Bytes>,
    at_once: usize,
) -> Result<(f64, f64)> {
    let Usage { cpu: before, .. } = child.usage()?;
    let elapsed = deliver(port, bodies, at_once).await?;
    Ok(((child.usage()?.cpu - before).as_secs_f64(), elapsed.as_secs_f64()))
}

fn next(bodies: &mut VecDeque<Bytes>, count: usize) -> Result<Vec<Bytes>> {
    ensure!(bodies.len() >= count, "no deliveries are left");
    Ok(bodies.drain(..count).collect())
}

/// The address of the emulator.
pub(crate) fn address(feed: &Feed) -> Result<SocketAddr> {
    let url = feed.emulator.url();
    Ok(url.strip_prefix("http://").context("no HTTP")?.parse()?)
}
