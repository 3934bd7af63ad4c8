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

rem --- Administratoren, in English Administrators (S-1-5-32-544)
set "GROUPSID=S-1-5-32-544"
set "NAME=Administratoren"
set "ENGLISH=Administrators"
call :find
echo %GROUPSID% is "%GROUP%"
rem PC\ann (local): as on the source
echo   "ann"
set "OTHER="
net localgroup "%GROUP%" "ann" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem CORP\bob (domain): as on the source
echo   "CORP\bob"
set "OTHER=S-1-5-21-10-20-30-1103"
net localgroup "%GROUP%" "CORP\bob" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded

rem --- Benutzer, in English Users (S-1-5-32-545)
set "GROUPSID=S-1-5-32-545"
set "NAME=Benutzer"
set "ENGLISH=Users"
call :find
echo %GROUPSID% is "%GROUP%"
rem PC\dan (local): on the source by way of INTERACTIVE, here by name
echo   "dan"
set "OTHER="
net localgroup "%GROUP%" "dan" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem PC\eve (local): as on the source
echo   "eve"
set "OTHER="
net localgroup "%GROUP%" "eve" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem CORP\cyd (domain): on the source by way of INTERACTIVE, here by name
echo   "CORP\cyd"
set "OTHER=S-1-5-21-10-20-30-1104"
net localgroup "%GROUP%" "CORP\cyd" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded

rem --- Remotedesktopbenutzer, in English Remote Desktop Users (S-1-5-32-555)
set "GROUPSID=S-1-5-32-555"
set "NAME=Remotedesktopbenutzer"
set "ENGLISH=Remote Desktop Users"
call :find
echo %GROUPSID% is "%GROUP%"
rem CORP\cyd (domain): as on the source
echo   "CORP\cyd"
set "OTHER=S-1-5-21-10-20-30-1104"
net localgroup "%GROUP%" "CORP\cyd" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded

rem --- Scanner (S-1-5-21-1-2-3-1010)
echo "Scanner"
set "GROUP=Scanner"
net localgroup "Scanner" /add >"%OUT%" 2>&1
if errorlevel 1 call :exists
rem PC\ann (local): as on the source
echo   "ann"
set "OTHER="
net localgroup "Scanner" "ann" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem CORP\cyd (domain): as on the source
echo   "CORP\cyd"
set "OTHER=S-1-5-21-10-20-30-1104"
net localgroup "Scanner" "CORP\cyd" /add >"%OUT%" 2>&1
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
