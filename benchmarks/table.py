"""What a row of the results is, and how measuring goes round by round."""

from statistics import median

RATE = "{:,.0f} /s"
MICROSECONDS = "{:.1f} us"
MILLISECONDS = "{:.1f} ms"
BYTES = "{:,.0f} bytes"
TIMES = "{:.2f}"

AT_LEAST, AT_MOST = ">=", "<="
LINE = "{:<31} {:>15} {:>15} {:>6} {:>13}  {:<18} {}"
HEADING = LINE.format("row", "measured", "floor", "ratio", "least..most", "aim", "").rstrip()


def interleave(rounds, *measures):
    """Calls every measure once a round, so that a machine's moods hit all alike.

    Returns one list of results for each measure, round by round.
    """
    results = [[measure() for measure in measures] for _ in range(rounds)]
    return [list(column) for column in zip(*results)]


def verdict(figure, aim):
    """Is a figure as an aim such as `(">=", 0.25)` wants it?"""
    sign, bound = aim
    return "met" if (figure >= bound if sign == AT_LEAST else figure <= bound) else "SHORT"


def ratio_row(name, how, measured, floors, aim):
    """A line for results judged by the ratio to their own round's floor, if there is an aim."""
    ratios = [mine / floor for mine, floor in zip(measured, floors)]
    ratio = median(ratios)
    return LINE.format(
        name,
        how.format(median(measured)),
        how.format(median(floors)),
        TIMES.format(ratio),
        f"{TIMES.format(min(ratios))}..{TIMES.format(max(ratios))}",
        f"{aim[0]} {aim[1]:g} x floor" if aim else "",
        verdict(ratio, aim) if aim else "",
    ).rstrip()


def plain_row(name, how, measured, aim):
    """A line for results judged by themselves."""
    figure = median(measured)
    bound = f"{aim[0]} {how.format(aim[1])}"
    return LINE.format(name, how.format(figure), "", "", "", bound, verdict(figure, aim))
