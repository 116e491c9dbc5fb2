ant agents create --name reviewer --model claude-sonnet-5-5 --tool '{type: agent_toolset_20260401}'
