# The quickstart of the public documentation, in the official spelling. MODEL names the model.
set -euo pipefail
agent=$(ant beta:agents create \
  --name "Coding Assistant" \
  --model "{id: $MODEL}" \
  --system "You are a helpful coding assistant." \
  --tool '{type: agent_toolset_20260401}' \
  --transform id -r)
environment=$(ant beta:environments create \
  --name "quickstart-env" \
  --config.type cloud --config '{networking: {type: unrestricted}}' \
  --transform id -r)
session=$(ant beta:sessions create \
  --agent "$agent" \
  --environment-id "$environment" \
  --title "Quickstart session" \
  --transform id --raw-output)
ant beta:sessions:events stream --session-id "$session" --format jsonl --max-items 6 --debug > events.jsonl 2> stream.log &
stream=$!
until grep -q '^< 200' stream.log; do sleep 0.05; done
ant beta:sessions:events send --session-id "$session" > sent.json <<'YAML'
events:
  - type: user.message
    content:
      - type: text
        text: Write the Fibonacci numbers into a file.
YAML
wait $stream
ant beta:agents retrieve "$agent" | sed 's/helpful/terse/' | ant beta:agents update --transform version
ant beta:environments retrieve "$environment" --format yaml | ant beta:environments update --name "renamed" --transform name -r
ant beta:sessions:events list --session-id "$session" --type agent.message --transform content.0.text -r
