@echo off
rem Puts the accounts of PC into their local groups on this Windows.
rem Run it as administrator, when the local accounts are there. It can be run
rem again. It ends with errorlevel 0 when everybody is where the plan says.
setlocal EnableExtensions DisableDelayedExpansion
set "FAILED=0"
if not defined TEMP set "TEMP=%SystemRoot%\Temp"
set "OUT=%TEMP%\coldstate-groups-%RANDOM%.txt"
set "FIND=%SystemRoot%\System32\find.exe"
set "NOUTF8="
set "CODEPAGE="

rem --- Users (S-1-5-32-545)
set "GROUPSID=S-1-5-32-545"
set "NAME=Users"
set "ENGLISH=Users"
call :find
echo %GROUPSID% is "%GROUP%"
rem PC\Tom _ Jerry (local): as on the source
echo   "Tom & Jerry"
set "OTHER="
net localgroup "%GROUP%" "Tom & Jerry" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\50_ off (local): as on the source
echo   "50%% off"
set "OTHER="
net localgroup "%GROUP%" "50%% off" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\_PATH_ (local): as on the source
echo   "%%PATH%%"
set "OTHER="
net localgroup "%GROUP%" "%%PATH%%" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\_caret_ (local): as on the source
echo   "^caret^"
set "OTHER="
net localgroup "%GROUP%" "^caret^" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\bang_ (local): as on the source
echo   "bang!"
set "OTHER="
net localgroup "%GROUP%" "bang!" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\_bang_ 9_ (local): as on the source
echo   "!bang! 9%%"
set "OTHER="
net localgroup "%GROUP%" "!bang! 9%%" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\(paren) (local): as on the source
echo   "(paren)"
set "OTHER="
net localgroup "%GROUP%" "(paren)" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\it's a _test_ (local): as on the source
echo   "it's a `test`"
set "OTHER="
net localgroup "%GROUP%" "it's a `test`" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\a_b@c#$-___ (local): as on the source
echo   "a~b@c#$-_{}"
set "OTHER="
net localgroup "%GROUP%" "a~b@c#$-_{}" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\_start (local): as on the source
echo   "&start"
set "OTHER="
net localgroup "%GROUP%" "&start" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded

rem --- R_D (x64) 100_ _team_ (S-1-5-21-1-2-3-1020)
echo "R&D (x64) 100%% ^team!"
set "GROUP=R&D (x64) 100%% ^team!"
net localgroup "R&D (x64) 100%% ^team!" /add >"%OUT%" 2>&1
if errorlevel 1 call :exists
rem PC\Tom _ Jerry (local): as on the source
echo   "Tom & Jerry"
set "OTHER="
net localgroup "R&D (x64) 100%% ^team!" "Tom & Jerry" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\50_ off (local): as on the source
echo   "50%% off"
set "OTHER="
net localgroup "R&D (x64) 100%% ^team!" "50%% off" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\_PATH_ (local): as on the source
echo   "%%PATH%%"
set "OTHER="
net localgroup "R&D (x64) 100%% ^team!" "%%PATH%%" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded

if exist "%OUT%" del "%OUT%"
if defined CODEPAGE chcp %CODEPAGE% >nul 2>nul
if "%FAILED%"=="0" echo Everybody is in the groups of the plan.
if "%FAILED%"=="0" exit /b 0
echo %FAILED% could not be done, see above. A local account has to be made first: net user NAME * /add
exit /b 1

:find
set "GROUP="
for /f "usebackq delims=" %%N in (`powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "(New-Object System.Security.Principal.SecurityIdentifier('%GROUPSID%')).Translate([System.Security.Principal.NTAccount]).Value.Split('\')[-1]" 2^>nul ^<nul`) do set "GROUP=%%N"
if defined GROUP exit /b 0
for /f "usebackq tokens=1,* delims==" %%A in (`wmic path Win32_Group where "LocalAccount=TRUE and SID='%GROUPSID%'" get Name /value 2^>nul ^<nul`) do for /f "delims=" %%N in ("%%B") do set "GROUP=%%N"
if defined GROUP exit /b 0
net localgroup "%NAME%" >nul 2>nul
if not errorlevel 1 set "GROUP=%NAME%"
if defined GROUP exit /b 0
set "GROUP=%NAME%"
if "%NAME%"=="%ENGLISH%" exit /b 0
net localgroup "%ENGLISH%" >nul 2>nul
if not errorlevel 1 set "GROUP=%ENGLISH%"
exit /b 0

:create
net localgroup "%GROUP%" /add >"%OUT%" 2>&1
if not errorlevel 1 exit /b 0
:exists
"%FIND%" " 1379" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
"%FIND%" " 2223" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
if exist "%OUT%" type "%OUT%"
set /a FAILED+=1
exit /b 1

:notadded
"%FIND%" " 1378" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
if not defined OTHER goto :refused
net localgroup "%GROUP%" "%OTHER%" /add >>"%OUT%" 2>&1
if not errorlevel 1 exit /b 0
powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "$ErrorActionPreference='Stop'; try { Add-LocalGroupMember -Name $env:GROUP -Member $env:OTHER } catch { if ($_.FullyQualifiedErrorId -like 'MemberExists*') { exit 0 }; ([ADSI]('WinNT://./'+$env:GROUP+',group')).psbase.Invoke('Add','WinNT://'+$env:OTHER) }" >>"%OUT%" 2>&1 <nul
if not errorlevel 1 exit /b 0
:refused
if exist "%OUT%" type "%OUT%"
set /a FAILED+=1
exit /b 1

:notremoved
"%FIND%" " 1377" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
if not defined OTHER goto :refused
net localgroup "%GROUP%" "%OTHER%" /delete >>"%OUT%" 2>&1
if not errorlevel 1 exit /b 0
powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "$ErrorActionPreference='Stop'; try { Remove-LocalGroupMember -Name $env:GROUP -Member $env:OTHER } catch { if ($_.FullyQualifiedErrorId -like 'MemberNotFound*') { exit 0 }; ([ADSI]('WinNT://./'+$env:GROUP+',group')).psbase.Invoke('Remove','WinNT://'+$env:OTHER) }" >>"%OUT%" 2>&1 <nul
if not errorlevel 1 exit /b 0
goto :refused
