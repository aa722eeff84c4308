"""placeholder until the next commit"""


def relaxations(case, *, clock, seed, small):
    return [], False
