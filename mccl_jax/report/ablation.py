"""An ablation as a table: plain text, Markdown and LaTeX say the same, CSV holds the numbers unrounded."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mccl_jax.evaluation.intervals import counted
from mccl_jax.report.tables import cell, number, p_cell, rendered, wrapped

_NO_VALUE = "-"
_LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def ablation_table(ablation: Mapping[str, Any]) -> str:
    """Renders what `evaluation.ablation.against_parent` gives: the parent, its variants, its baselines."""
    blocks = ["\n".join(map(wrapped, _heading(ablation)))]
    blocks += map(rendered, _halves(_columns(ablation)))
    blocks.append("\n".join(wrapped(line, "  ") for line in _notes(ablation)))
    return "\n\n".join(blocks) + "\n"


def as_markdown(ablation: Mapping[str, Any]) -> str:
    """The same as Markdown."""

    def line(cells):
        return "| " + " | ".join(one.replace("|", "\\|") for one in cells) + " |"

    parts, columns = [f"**{line}**\n" for line in _heading(ablation)], _columns(ablation)
    if columns:
        rows = [line(row) for row in zip(*columns.values(), strict=True)]
        rule = line(["---" if not name else "---:" for name in columns])
        parts.append("\n".join([line(columns), rule, *rows]) + "\n")
    parts.append("".join(f"* {note}\n" for note in _notes(ablation)))
    return "\n".join(parts)


def as_latex(ablation: Mapping[str, Any]) -> str:
    """The same as a LaTeX table that needs no package."""
    heading, notes, columns = _heading(ablation), _notes(ablation), _columns(ablation)
    if not columns:
        return "".join(f"% {line}\n" for line in [*heading, *notes])
    caption = _escaped(" ".join(f"{line.rstrip('.')}." for line in heading))
    lines = [
        r"\begin{table}",
        rf"\caption{{{caption}}}",
        r"\footnotesize\setlength{\tabcolsep}{4pt}",
        "\n\\par\\medskip\n".join(map(_tabular, _halves(columns))),
        *(rf"\par {_escaped(note)}" for note in notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _tabular(columns: Mapping[str, Sequence[str]]) -> str:
    names, *rows = (
        " & ".join(map(_escaped, row)) + r" \\" for row in [[*columns], *zip(*columns.values(), strict=True)]
    )
    begin = rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}"
    return "\n".join([begin, r"\hline", names, r"\hline", *rows, r"\hline", r"\end{tabular}"])


def _halves(columns: Mapping[str, Sequence[str]]) -> list[dict[str, Sequence[str]]]:
    """Side by side they would be wider than a terminal, or a page; each names the rows."""
    second = [name for name in columns if "CCC" in name or "seeds" in name]
    halves = ([name for name in columns if name and name not in second], second)
    return [{name: columns[name] for name in ("", *half)} for half in halves if columns]


def as_csv(ablation: Mapping[str, Any]) -> str:
    """One row a variant, numbers as the shortest text that reads back as the same float64."""
    rows = [{"simulated": bool(ablation["simulated_notice"]), **_flat(row)} for row in ablation["rows"]]
    text = io.StringIO()
    names = dict.fromkeys(name for row in rows for name in row)
    writer = csv.DictWriter(text, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: row[name] for name in ("name", "kind", "what", "state")}
    flat |= {"setting": json.dumps(row["setting"]), "seeds": " ".join(map(str, row["seeds"])), "why": row["why"]}
    for part, called in (("metrics", ""), ("difference", "_minus_parent")):
        for name, score in row.get(part, {}).items():
            flat |= {f"{name}{called}": score["estimate"]}
            flat |= {f"{name}{called}_{end}": score[end] for end in ("lower", "upper")}
            flat |= {key: score[key] for key in ("n_sessions", "n_subjects")}
    of_mae = row.get("difference", {}).get("mae", {})
    flat |= {name: of_mae[name] for name in ("p", "p_adjusted", "detectable") if name in of_mae}
    return flat | {"over_seeds": row.get("over_seeds")}


def _heading(ablation: Mapping[str, Any]) -> list[str]:
    rows = ablation["rows"]
    done = sum(row["state"] == "done" for row in rows if row["kind"] != "baseline")
    asked = sum(row["kind"] != "baseline" for row in rows)
    said = f"Ablation {ablation['grid']}, {done} of {asked} rows done"
    if "target" in ablation:
        primary, n = ablation["primary"], ablation["counts"]
        said += (
            f": {ablation['target']}, protocol {primary['protocol']}, {primary['regressor']}; reported "
            f"({ablation['reported_split']}) {counted(n['n_sessions'], n['n_subjects'])}"
        )
    return [*([ablation["simulated_notice"]] if ablation["simulated_notice"] else []), said]


def _columns(ablation: Mapping[str, Any]) -> dict[str, list[str]]:
    rows = [row for row in ablation["rows"] if row["state"] == "done"]

    def of(part, metric):
        return [cell(row[part][metric]) if part in row else "" for row in rows]

    def written(value, form):
        return _NO_VALUE if value is None else form(value)

    def of_mae(name, form):
        differences = [row["difference"]["mae"] if "difference" in row else {} for row in rows]
        return [written(one[name], form) if name in one else "" for one in differences]

    columns = {
        "": [row["name"] for row in rows],
        "MAE": of("metrics", "mae"),
        "MAE - parent's": of("difference", "mae"),
        "p": of_mae("p", p_cell),
        "p, Holm": of_mae("p_adjusted", p_cell),
        "detectable": of_mae("detectable", number),
        "CCC": of("metrics", "ccc"),
        "CCC - parent's": of("difference", "ccc"),
        "seeds": [str(len(row["seeds"])) for row in rows],
        "MAE over seeds": [written(row["over_seeds"], number) if "over_seeds" in row else "" for row in rows],
    }
    if len(ablation["seeds"]) < 2:
        del columns["seeds"], columns["MAE over seeds"]
    return columns if rows else {}


def _notes(ablation: Mapping[str, Any]) -> list[str]:
    rows = ablation["rows"]
    lines = [f"FAILED: {row['name']}: {row['why']}" for row in rows if row["why"]]
    if waiting := [row["name"] for row in rows if row["state"] == "waiting"]:
        lines.append(f"waiting: {', '.join(waiting)}")
    if some := [row["name"] for row in rows if row["seeds"] and {*row["seeds"]} < {*ablation["seeds"]}]:
        lines.append(f"not all seeds are done, so that rows are of different ones: {', '.join(some)}")
    if "family" in ablation:
        intervals, family = ablation["intervals"], ablation["family"]
        lines += [
            "MAE - parent's: below 0 is better than the parent, above 0 says what the missing part is worth here.",
            f"[ ]: {intervals['level']:.0%} interval; of scores: {intervals['of_scores']}; of differences: "
            f"{intervals['of_differences']}; these cover {intervals['covers']}.",
            f"p, Holm: corrected for a family of {family['size']}, {family['of']}.",
            f"detectable: the smallest true difference of MAE that so many sessions show in {ablation['power']:.0%} of "
            "such studies, by the width of the interval; what is smaller may be there all the same.",
            *(["MAE over seeds: standard deviation of the difference."] if len(ablation["seeds"]) > 1 else []),
            ablation["about"],
            *(f"{row['name']}: {row['what']}." for row in rows if row["what"] and row["state"] == "done"),
        ]
    return [*lines, ablation["notice"]]


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
