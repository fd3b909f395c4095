"""What was found, and for each finding the lines of ours that led to it: a test holds them against all the lines there are, so that no rule is without a mutation."""
import ast
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Findings(list):
    """Sentences; `sites` beside them, a list of 'file:line' for each."""

    def __init__(self):
        super().__init__()
        self.sites = []

    def append(self, sentence):
        frame, sites = sys._getframe(1), []
        while frame is not None:
            directory, name = os.path.split(os.path.abspath(frame.f_code.co_filename))
            if directory == HERE:
                sites.append(f"{name}:{frame.f_lineno}")
            frame = frame.f_back
        self.sites.append(sites)
        super().append(sentence)

    extend = __iadd__ = None  # they would pass append() by


def all_sites():
    """{'file:line': source} of each call that may find something: say(), and every function of ours that is handed the findings."""
    trees = {name: ast.parse(open(os.path.join(HERE, name)).read()) for name in sorted(os.listdir(HERE)) if name.endswith(".py") and name != "findings.py"}
    checks = {"say"} | {each.name for tree in trees.values() for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.args.args and each.args.args[0].arg == "findings"}
    sites = {}
    for name, tree in trees.items():
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and (isinstance(call.func, ast.Name) and call.func.id in checks or ast.unparse(call.func) == "findings.append"):
                site = f"{name}:{call.lineno}"
                assert site not in sites, f"{site}: two calls on one line, which cannot be told apart"
                sites[site] = ast.unparse(call)
    return sites
