# Completion of ant for PowerShell 5.1 and later.

Register-ArgumentCompleter -Native -CommandName ant -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $elements = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition })
    $typed = @($elements | Select-Object -Skip 1 | ForEach-Object { "$($_.Extent.Text)".Trim("'", '"') })
    # PowerShell before 7.3 drops empty arguments: that a new word begins is said by the verb.
    $verb = if ($cursorPosition -gt $elements[-1].Extent.EndOffset) { '__complete_next' } else { '__complete' }

    foreach ($line in @(& $elements[0].Extent.Text $verb @typed 2>$null)) {
        if ($line -eq ':files') {
            $at = if ($typed.Count -and $typed[-1].StartsWith('@')) { '@' } else { '' }
            $begun = if ($verb -eq '__complete' -and $typed.Count) { $typed[-1].Substring($at.Length) } else { '' }
            foreach ($file in @(Get-ChildItem -Path "$begun*" -Name -ErrorAction SilentlyContinue)) {
                $folder = if ($begun -match '^(.*/)') { $Matches[1] } else { '' }
                $path = "'" + "$at$folder$file".Replace("'", "''") + "'"
                [System.Management.Automation.CompletionResult]::new($path, $file, 'ProviderItem', $file)
            }
            return
        }
        $candidate, $help = $line -split "`t", 2
        # A word that begins with @ would be taken for a splatted variable.
        $text = if ($candidate.StartsWith('@')) { "'$candidate'" } else { $candidate }
        if (-not $help) { $help = $candidate }
        [System.Management.Automation.CompletionResult]::new($text, $candidate, 'ParameterValue', $help)
    }
}
