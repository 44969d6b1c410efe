"""Writes the dashboards as files: `python -m monitoring.dashboards FOLDER`, for a Grafana or a vmui of one's own."""

import sys
from pathlib import Path

from monitoring.dashboards.files import grafana_files, vmui_files


def main(arguments: list[str]) -> int:
    """Writes FOLDER/grafana/*.json and FOLDER/vmui/*.json; 2 if it is not told where."""
    if len(arguments) != 1:
        print("which folder? usage: python -m monitoring.dashboards FOLDER", file=sys.stderr)
        return 2
    for kind, files in (("grafana", grafana_files()), ("vmui", vmui_files())):
        folder = Path(arguments[0]) / kind
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
