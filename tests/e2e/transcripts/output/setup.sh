# What the transcripts of this folder look at. They change nothing of it.
ant agents create --name reviewer --model claude-sonnet-5-5 --system "You review code." --tool '{type: agent_toolset_20260401}'
ant agents create --name writer --model claude-opus-5-5 --description "Writes what the reviewer asks for."
ant envs create --name ci --config '{type: cloud, packages: {pip: [pytest]}}'
ant files upload notes.md data.csv
ant vaults create --display-name "CI secrets"
ant vaults credentials create "CI secrets" --display-name tracker --auth '{type: static_bearer, mcp_server_url: "https://tracker.example/mcp", token: secret}'
ant memory-stores create --name conventions --description "How we write code."
ant memory-stores memories create conventions --path /python.md --content "Type everything."
ant skills create changelog
ant deployments create --name nightly --agent reviewer --env ci --schedule "{type: cron, expression: '0 $HOUR * * *', timezone: UTC}" --initial-event '{type: user.message, content: [{type: text, text: Review what changed.}]}'
ant run "Review add.py" --agent reviewer --model script:review.yaml
ant run "Say hello" --agent writer --model script:hello.yaml --title "A greeting"
