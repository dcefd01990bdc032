//! What many groups with a key each cost a `GetRecord`, a start and memory. A server of its own, on a
//! directory of its own: the other rows are not about so many.

use std::time::Duration;

use anyhow::ensure;

use super::keys::{SIGNED, beside, in_turns};
use super::start::Starts;
use crate::clock::tick;
use crate::load::{Load, Until};
use crate::numbers::{float, median};
use crate::report::{Fact, Report};
use crate::requests::record_name;
use crate::run::say;
use crate::stage::Stage;
use crate::subject::Subject;
use crate::world::{self, Draw, World};

/// The same record of one group, in turns with that of many groups, each under a key of its own; then
/// starts with all of them.
pub(super) fn measure(stage: &Stage<'_>, report: &mut Report) -> anyhow::Result<()> {
    let directory = stage.scratch.directory("groups")?;
    let subject = Subject::start(&stage.places.server, &directory)?;
    let world = World::make(&subject)?;
    let groups = stage.size.groups;
    make(&world, groups)?;
    subject.process.settle(Duration::from_secs(90))?;
    read(stage, (&subject, &world), report)?;
    subject.process.stop()?;
    let mut starts = Starts::default();
    for number in 0..stage.size.starts.min(3) {
        starts.once(&stage.places.server, &directory, number == 0)?;
    }
    let name = format!("start-up with {groups} groups and keys");
    report.add(Fact::new(&name, median(&starts.spans), "ms"));
    let memory = median(&starts.memory);
    let name = format!("idle memory with {groups} groups and keys");
    report.add(Fact::new(&name, memory, "MiB"));
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

fn read(
    stage: &Stage<'_>,
    (subject, world): (&Subject, &World),
    report: &mut Report,
) -> anyhow::Result<()> {
    let groups = stage.size.groups;
    let draft = world::get_record_of_group();
    let sign = |groups: u64| {
        let draw = Draw::new(groups, 13).map(|number| [number]);
        world.user.sign(&draft, draw.take(SIGNED))
    };
    // Each data key is unwrapped once before: what is measured is not how soon that is.
    let all = world.user.sign(&draft, (0..groups).map(|n| [n]));
    let mut load = Load::connect(subject.address(), 16)?;
    let measured = load.run(&all, Until::answers(groups))?;
    ensure!(
        measured.refused == 0,
        "{} of {groups} groups could not be read",
        measured.refused
    );
    let (many, one) = in_turns((stage, subject), (&sign(groups), &sign(1)), 1)?;
    let name = format!("GetRecord over {groups} groups with a key each, p50 beside one group's");
    report.add(beside(&name, &many, &one));
    Ok(())
}

/// Makes the groups, each under a key of its own, with one record each.
fn make(world: &World, groups: u64) -> anyhow::Result<()> {
    let started = tick();
    for number in 0..groups {
        let name = world::group_of(&record_name(number));
        let key = world::create_key(&world.administrator, &name)?;
        world.create_group(&name, Some(&key))?;
        world.load_one(&name)?;
    }
    let rate = float(groups) / tick().saturating_sub(started).as_secs_f64();
    say(&format!(
        "  {groups} groups made with a key and a record each, {rate:.0}/s"
    ));
    Ok(())
}
