"""Write the table of goals into a page of the documentation: `python -m … SCALE_FOLDER PAGE [PEERS_JSON]`."""

import sys
from pathlib import Path

from claimbench.reports.judge.goals import goals, in_the_way, peer_goals, read_peers
from claimbench.reports.pages.scale import goals_table
from claimbench.reports.record.store import SCALE, read, write_text
from claimbench.reports.render import markdown

BEGIN, END = "<!-- goals -->\n", "<!-- end of goals -->"


def main() -> None:
    """Replace what stands between the marks."""
    folder, page, *peers = (Path(word) for word in sys.argv[1:])
    record = read(SCALE, folder)
    measured = read_peers(peers[0]) if peers and peers[0].exists() else ()
    told_goals = (*goals(record), *peer_goals(measured))
    table = markdown.drawn(goals_table(told_goals))
    machine = record.environment
    told = (
        f"Measured by `{record.command}` on {record.started_at[:10]}, {machine.get('cores')} cores, "
        f"PostgreSQL {machine.get('server_version')}, Python {machine.get('python')}."
    )
    missed = [goal.name for goal in told_goals if goal.reached is False]
    why = "".join(f"- {markdown.escaped(line)}\n" for line in in_the_way(record)) if missed else ""
    profile = f"\nNot reached: {'; '.join(missed)}. What stands in the way:\n\n{why}" if missed else ""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    write_text(page, f"{before}{BEGIN}{table}\n\n{told}\n{profile}{END}{after}")


if __name__ == "__main__":
    main()
