"""A short fuzz of every operation; `python -m tests.e2e.fuzz` makes a long one."""

from tests.e2e.fuzz import fuzz
from tests.e2e.served import served


def test_made_up_requests_meet_no_server_error_and_no_answer_out_of_shape(tmp_path):
    with served(tmp_path / "home", "--sandbox", "none") as engine:
        code, made, report = fuzz(engine, examples=8, seed=1)
        assert code == 0, report
        assert made > 300, report
        assert engine.process.poll() is None
